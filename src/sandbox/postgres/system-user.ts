import { execFileSync, spawnSync } from "node:child_process";
import { OnceboxError } from "../../errors.ts";

/** Whom a child process runs as; what `spawn` takes. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user that Postgres runs as, or null to stay who we are. Postgres refuses root, and its
 * initdb asks for the user's name, so a bare number without a passwd entry would not do.
 */
export function postgresUser(): SystemUser | null {
  if (process.getuid?.() !== 0) return null;
  const user = lookUp("postgres") ?? lookUp("nobody");
  if (user !== null) return user;
  throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", "no user to run the sandbox's Postgres as", {
    detail: "Postgres refuses to run as root, and neither `postgres` nor `nobody` exists.",
    hint: "Run this as an ordinary user, or create one with `useradd --system postgres`.",
  });
}

/** Asked of the system and not computed from mode bits, which know nothing of ACLs or mounts. */
export function canEnter(user: SystemUser | null, folder: string): boolean {
  const tried = spawnSync("/bin/sh", ["-c", 'cd -- "$1"', "sh", folder], { ...user, cwd: "/" });
  return tried.status === 0;
}

function lookUp(name: string): SystemUser | null {
  try {
    return { uid: idOf("-u", name), gid: idOf("-g", name) };
  } catch {
    return null;
  }
}

function idOf(which: "-u" | "-g", name: string): number {
  return Number(execFileSync("id", [which, name], { encoding: "utf8", stdio: "pipe" }));
}
