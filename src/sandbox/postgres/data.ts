import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { OnceboxError } from "../../errors.ts";
import { sharedFolder } from "./binaries.ts";
import { canEnter, type SystemUser } from "./system-user.ts";

/** Put in last of all, so it also says that the directory was finished. */
const PASSWORD_FILE = "oncebox.password";

/** What a child needs and no more: PGDATA, PGPORT and the like must not reach it. */
export const POSTGRES_ENV = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };

export interface DataDirectory {
  readonly dataDir: string;
  readonly password: string;
  /** What to remove on stop; null for a directory that the caller named. */
  readonly temporary: string | null;
}

/** Finds the data directory, and makes it if it is not there yet. */
export async function prepareData(
  requested: string | undefined,
  bin: string,
  user: SystemUser | null,
): Promise<DataDirectory> {
  const temporary = requested === undefined ? makeTemporary(user) : null;
  const dataDir = temporary === null ? placeFor(requested ?? "", user) : join(temporary, "data");
  const passwordFile = join(dataDir, PASSWORD_FILE);
  if (!existsSync(passwordFile)) await initialise(dataDir, bin, user);
  return { dataDir, password: readFileSync(passwordFile, "utf8"), temporary };
}

function makeTemporary(user: SystemUser | null): string {
  return ownedFolder(join(user === null ? tmpdir() : "/var/tmp", "oncebox-pg-"), user);
}

/** The requested folder, or one derived from it where the server's user can go. */
function placeFor(requested: string, user: SystemUser | null): string {
  const wanted = resolve(requested);
  mkdirSync(dirname(wanted), { recursive: true });
  if (canEnter(user, dirname(wanted))) return wanted;
  const hash = createHash("sha256").update(wanted).digest("hex").slice(0, 16);
  return join(sharedFolder(), `data-${hash}`);
}

/**
 * Makes it beside its place and renames it: an initdb that is killed half way leaves nothing
 * that looks like a data directory, and of two at once one wins.
 */
async function initialise(dataDir: string, bin: string, user: SystemUser | null): Promise<void> {
  const fresh = ownedFolder(`${dataDir}.new-`, user);
  try {
    const passwordFile = join(fresh, "password");
    writeFileSync(passwordFile, randomBytes(18).toString("hex"), { mode: 0o600 });
    if (user !== null) chownSync(passwordFile, user.uid, user.gid);
    await initdb(join(bin, "initdb"), join(fresh, "data"), passwordFile, user);
    renameSync(passwordFile, join(fresh, "data", PASSWORD_FILE));
    renameSync(join(fresh, "data"), dataDir);
  } catch (error) {
    if (existsSync(join(dataDir, PASSWORD_FILE))) return; // Another start was faster.
    throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", `cannot make a database in ${dataDir}`, {
      detail: error instanceof Error ? error.message : String(error),
      hint: "Give a folder that is empty or does not exist yet.",
      cause: error,
    });
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

async function initdb(
  program: string,
  dataDir: string,
  passwordFile: string,
  user: SystemUser | null,
): Promise<void> {
  const args = [
    `--pgdata=${dataDir}`,
    "--username=postgres",
    // A password, because on a shared machine everybody can reach loopback, and a superuser
    // can run programs as us. It is random, so hashing it thousands of times adds only delay.
    "--auth=scram-sha-256",
    `--pwfile=${passwordFile}`,
    "--set=scram_iterations=1",
    "--encoding=UTF8",
    // The builtin provider needs no locale of the system's: a bare container has none.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
    // A crash of the machine within this second costs an initdb and no data.
    "--no-sync",
  ];
  await promisify(execFile)(program, args, { ...user, cwd: "/", env: POSTGRES_ENV });
}

function ownedFolder(prefix: string, user: SystemUser | null): string {
  const folder = mkdtempSync(prefix);
  if (user !== null) chownSync(folder, user.uid, user.gid);
  return folder;
}
