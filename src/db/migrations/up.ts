import { runMigrations } from "graphile-worker";
import type pg from "pg";
import { fromPostgres } from "../errors.ts";
import { areRolesApplied } from "../roles.ts";
import { migratingAlone } from "./alone.ts";
import { type Patience, runPatiently, type Tell } from "./patience.ts";
import { splitStatements } from "./statements.ts";
import { assertNotNewer, readSchemaStatus } from "./status.ts";
import { readBehaviour, readSql, readSteps, recordOf, releaseNote, type Step } from "./steps.ts";

export interface MigrateOptions {
  /** How long a statement may wait for locks, in milliseconds; default 2 000. Then it is tried again. */
  readonly lockTimeoutMs?: number;
  /** How long it is tried again, in milliseconds; default five minutes. */
  readonly giveUpAfterMs?: number;
  /** Told whom we wait for, a line each. */
  readonly onProgress?: Tell;
  /** Where the migrations are; default this version's own. */
  readonly folder?: URL;
}

/** The defaults: two seconds of a queue are noticed by nobody, and any backup is over in five minutes. */
export function patienceOf(options: MigrateOptions): Patience {
  return {
    lockTimeoutMs: options.lockTimeoutMs ?? 2_000,
    giveUpAfterMs: options.giveUpAfterMs ?? 300_000,
    tell: options.onProgress ?? (() => {}),
  };
}

/**
 * Brings the database to this version's shape: graphile-worker's schema, `migrations/`, then the
 * functions, views and seeds of `sql/`, which are replaced as a whole.
 *
 * Each migration is one transaction, and noted in it: whoever is stopped in between goes on where it
 * was. Harmless to run again, and by several at once: one works, the others wait and find it done.
 *
 * @param pool - Needs three connections, of a role that may create schemas.
 * @returns The names of the migrations applied now, in order.
 * @throws OnceboxError `ONCEBOX_SCHEMA_UNADOPTABLE` - `public.landing_leads` is there and has
 *   a shape that cannot be adopted; nothing was changed.
 * @throws OnceboxError `ONCEBOX_SCHEMA_OUTDATED` - the database was migrated by a later version.
 * @throws OnceboxError `ONCEBOX_LOCK_NOT_GRANTED` - somebody held a lock all the time; the step that
 *   wanted it was not applied.
 */
export async function migrate(pool: pg.Pool, options: MigrateOptions = {}): Promise<string[]> {
  const steps = await readSteps(options.folder);
  const patience = patienceOf(options);
  return await migratingAlone(pool, patience.tell, async () => {
    const status = await readSchemaStatus(pool, steps);
    assertNotNewer(status);
    if (status.migrations.every((it) => it.appliedAt === null)) await assertAdoptable(pool);
    await runMigrations({ pgPool: pool });
    await runPatiently(pool, "record", splitStatements(await readSql("record.sql")), patience);
    const names = status.migrations.filter((it) => it.appliedAt === null).map((it) => it.name);
    for (const step of steps.filter((it) => names.includes(it.name))) {
      await applyStep(pool, steps, step, patience);
    }
    await mendIndexes(pool, patience.tell);
    await applyBehaviour(pool, steps, patience);
    return names;
  });
}

/** First of all, and read only: after a refusal not even graphile-worker's schema is there. */
async function assertAdoptable(pool: pg.Pool): Promise<void> {
  try {
    await pool.query(await readSql("adoptable.sql"));
  } catch (error) {
    throw fromPostgres(error);
  }
}

async function applyStep(
  pool: pg.Pool,
  steps: readonly Step[],
  step: Step,
  patience: Patience,
): Promise<void> {
  const record = recordOf(steps, step.name);
  if (step.concurrentIndex === null) {
    await runPatiently(pool, step.name, [...step.up, ...record], patience);
    return;
  }
  await buildIndex(pool, step.concurrentIndex, step.up[0] as string, patience.tell);
  await runPatiently(pool, step.name, [...step.up.slice(1), ...record], patience);
}

/** One that an earlier try left whole is taken as it is, one that it left invalid is built anew. */
async function buildIndex(
  pool: pg.Pool,
  index: string,
  statement: string,
  tell: Tell,
): Promise<void> {
  const { rows } = await pool.query<{ isValid: boolean }>(
    `select indisvalid as "isValid" from pg_index where indexrelid = to_regclass($1)`,
    [index],
  );
  if (rows[0]?.isValid) return;
  await withoutTimeouts(pool, async (client) => {
    if (rows.length > 0) {
      tell(`${index} was left half built: dropped, and built again`);
      await client.query(`drop index concurrently ${index}`);
    }
    tell(`building ${index}; writers are not held up`);
    await client.query(statement);
  });
}

/** Indexes of ours that somebody's `concurrently` left behind half built: they cost writes and help no reader. */
async function mendIndexes(pool: pg.Pool, tell: Tell): Promise<void> {
  const { rows } = await pool.query<{ index: string; isCopy: boolean }>(
    `select indexrelid::regclass::text as index, c.relname ~ '_cc(new|old)\\d*$' as "isCopy"
       from pg_index as i
       join pg_class as c
         on c.oid = i.indexrelid
      where not i.indisvalid
        and c.relnamespace = to_regnamespace('oncebox')::oid`,
  );
  for (const { index, isCopy } of rows) {
    tell(`${index} was left half built: ${isCopy ? "dropped" : "built again"}`);
    await withoutTimeouts(pool, async (client) => {
      await client.query(`${isCopy ? "drop" : "reindex"} index concurrently ${index}`);
    });
  }
}

/**
 * On a connection of its own, which is thrown away. What runs `concurrently` waits for transactions that
 * began before it, for as long as they take; nobody who reads or writes has to wait behind it.
 */
async function withoutTimeouts(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<void>,
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("set lock_timeout = 0");
    await client.query("set statement_timeout = 0");
    await work(client);
  } finally {
    client.release(true);
  }
}

/** In one transaction: callers see the old functions or the new. */
async function applyBehaviour(
  pool: pg.Pool,
  steps: readonly Step[],
  patience: Patience,
): Promise<void> {
  const files = await readBehaviour(await areRolesApplied(pool));
  const note = releaseNote(steps, steps.at(-1)?.name ?? "");
  await runPatiently(
    pool,
    "functions and views",
    [...files.flatMap((it) => it.statements), ...note],
    patience,
  );
}
