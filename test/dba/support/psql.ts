import { spawnSync } from "node:child_process";
import { type Ended, run } from "../../db/support/oncebox.ts";

const PSQL = "psql";

/** Whether these tests have to be left out: there is no psql on this machine. */
export const NO_PSQL = spawnSync(PSQL, ["--version"]).status !== 0;

/** Runs psql with these arguments, as a person with a terminal in UTF-8 would; it stops at the first error. */
export async function psql(
  databaseUrl: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return await run(
    PSQL,
    ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", ...args, databaseUrl],
    { PGCLIENTENCODING: "UTF8", ...env },
  );
}
