/**
 * Adds to package-lock.json the optional packages of other platforms that npm left out.
 *
 * npm writes only those that the registry it asked could show, and `npm ci` refuses a lock file
 * without the others, on every machine. Run it after `npm install`, as `npm run lock`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface Entry {
  version?: string;
  optional?: boolean;
  dev?: boolean;
  optionalDependencies?: Record<string, string>;
  [field: string]: unknown;
}

const OS = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const CPU = [
  "arm64",
  "arm",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "wasm32",
  "x64",
];

const file = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const lock = JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, Entry> };
const added: string[] = [];
for (const [path, parent] of Object.entries(lock.packages)) {
  if (path === "") continue;
  for (const [name, range] of Object.entries(parent.optionalDependencies ?? {})) {
    if (`node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages)
      continue;
    lock.packages[`node_modules/${name}`] = entryOf(
      name,
      range.replace(/^[\^~]/, ""),
      parent.dev === true,
    );
    added.push(name);
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "nothing was missing" : `added ${added.sort().join(", ")}`);

/** What the package itself says of its platform, read from its name; by it npm leaves it out elsewhere. */
function entryOf(name: string, version: string, isDev: boolean): Entry {
  const words = name.split(/[/-]/).map((it) => (it.startsWith("windows") ? "win32" : it));
  const os = words.find((it) => OS.includes(it));
  const cpu =
    words.find((it) => CPU.includes(it)) ?? CPU.find((it) => words.at(-1)?.startsWith(it));
  if (os === undefined && cpu === undefined) {
    throw new Error(
      `${name}@${version} names no platform: run npm install where the registry has it`,
    );
  }
  return {
    version,
    ...(cpu !== undefined && { cpu: [cpu] }),
    ...(isDev && { dev: true }),
    ...(words.some((it) => it === "musl" || it.endsWith("musl")) && { libc: ["musl"] }),
    optional: true,
    ...(os !== undefined && { os: [os] }),
  };
}
