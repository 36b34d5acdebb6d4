import { mkdirSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { OnceboxError } from "../errors.ts";
import { startPostgres } from "../sandbox/postgres.ts";
import { refuseInProduction } from "../sandbox/refuse-production.ts";
import { type Mutant, type Progress, type RoundResult, runRound } from "./round.ts";
import type { Mode } from "./steps.ts";

export interface VerifyOptions {
  readonly modes: readonly Mode[];
  /** Of an empty database; null = a Postgres of our own, which is restarted now and then. */
  readonly databaseUrl: string | null;
  readonly seed: number;
  readonly workers: number;
  /** For all modes together, the wait for quiet not counted. */
  readonly forMs: number;
  readonly kills: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  readonly mutant?: Mutant | undefined;
  readonly quietWithinMs?: number | undefined;
  /** Keeps ledgers and logs when something was found. */
  readonly keep?: boolean | undefined;
}

export interface Proof {
  readonly rounds: readonly RoundResult[];
  /** Where ledgers and logs were left, if they were. */
  readonly folder: string | null;
}

/**
 * @throws OnceboxError `ONCEBOX_INPUT_INVALID` - the database is not empty, or there are two modes for one.
 * @throws OnceboxError `ONCEBOX_SANDBOX_FAILED` - the sandbox did not start, or NODE_ENV is production.
 */
export async function verify(options: VerifyOptions): Promise<Proof> {
  refuseInProduction("the crash proof");
  const { modes, databaseUrl } = options;
  if (databaseUrl !== null) await refuseUnlessEmpty(databaseUrl, modes.length);
  const folder = mkdtempSync(join(tmpdir(), "oncebox-verify-"));
  const rounds: RoundResult[] = [];
  const postgres = databaseUrl === null ? await startPostgres({ settings: SETTINGS }) : null;
  try {
    for (const mode of modes) {
      if (options.signal.aborted && rounds.length > 0) break;
      const ledgers = join(folder, mode);
      mkdirSync(ledgers);
      rounds.push(
        await runRound({
          ...options,
          mode,
          databaseUrl: databaseUrl ?? (await createDatabase(postgres?.url ?? "", `verify_${mode}`)),
          restartPostgres: postgres === null ? null : () => postgres.restart("immediate"),
          forMs: options.forMs / modes.length,
          kills: Math.ceil(options.kills / modes.length),
          folder: ledgers,
        }),
      );
    }
  } finally {
    await postgres?.stop();
  }
  const isClean = rounds.every(isGood);
  if (isClean || options.keep === false) {
    await rm(folder, { recursive: true, force: true });
    return { rounds, folder: null };
  }
  return { rounds, folder };
}

export function isGood({ problems, isQuiet, ownEnds }: RoundResult): boolean {
  return problems.length === 0 && isQuiet && ownEnds.length === 0;
}

/** Only the machine's own crash would show that it does not flush; its processes' crashes do not. */
const SETTINGS = { fsync: "off", max_connections: "200" };

async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`create database ${name}`);
  } finally {
    await client.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function refuseUnlessEmpty(databaseUrl: string, modes: number): Promise<void> {
  if (modes > 1) {
    throw new OnceboxError("ONCEBOX_INPUT_INVALID", "one database takes one mode", {
      hint: "Name it with --mode campaign or --mode message, or leave out --database.",
    });
  }
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ found: string }>(FOUND);
    const [first] = rows;
    if (first === undefined) return;
    throw new OnceboxError("ONCEBOX_INPUT_INVALID", "the database is not empty", {
      detail: `It has ${first.found}, for one.`,
      hint: "Make one for the proof (create database oncebox_verify), so that nothing of yours is touched.",
    });
  } catch (error) {
    if (error instanceof OnceboxError) throw error;
    throw new OnceboxError(
      "ONCEBOX_DATABASE_UNREACHABLE",
      `the database cannot be reached: ${(error as Error).message}`,
      { hint: "Check --database.", cause: error },
    );
  } finally {
    await client.end().catch(() => {});
  }
}

const FOUND = `
  select 'the schema ' || n.nspname as found
    from pg_namespace as n
   where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public')
  union all
  select 'the table or view ' || c.relname
    from pg_class as c
    join pg_namespace as n
      on n.oid = c.relnamespace
   where n.nspname = 'public' and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
   limit 1`;
