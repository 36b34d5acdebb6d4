import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { OnceboxError } from "../../errors.ts";
import { fromPostgres } from "../errors.ts";
import { footprintOf } from "./locks.ts";

/** Takes one line for a person who waits. */
export type Tell = (line: string) => void;

export interface Patience {
  /** How long one transaction may wait for locks, and so hold up whoever queues behind it; in milliseconds. */
  readonly lockTimeoutMs: number;
  /** How long it is tried again before it is given up; in milliseconds. */
  readonly giveUpAfterMs: number;
  readonly tell: Tell;
}

/** A lock that is free is granted at once; only a wait needs time. */
const LEAST_WAIT_MS = 50;

/**
 * Runs the statements in one transaction that never waits longer than the lock timeout in all: whoever
 * came first keeps its lock, we let go of ours, and try again a little later, all of it.
 *
 * @throws OnceboxError `ONCEBOX_LOCK_NOT_GRANTED` - something held a lock for all of that time. Nothing
 *   of this transaction is left.
 */
export async function runPatiently(
  pool: pg.Pool,
  what: string,
  statements: readonly string[],
  patience: Patience,
): Promise<void> {
  const giveUpAt = performance.now() + patience.giveUpAfterMs;
  for (;;) {
    const blocked = await tryOnce(pool, statements, patience.lockTimeoutMs);
    if (blocked === null) return;
    if (performance.now() > giveUpAt) {
      throw new OnceboxError(
        "ONCEBOX_LOCK_NOT_GRANTED",
        `${what}: a lock was not granted in time`,
        {
          detail: blocked,
          hint: "End what holds it, or migrate at a quieter hour. Nothing of this step was changed; run oncebox migrate up again.",
        },
      );
    }
    // So that two who are in each other's way are not so for ever.
    const pauseMs = patience.lockTimeoutMs * (0.5 + Math.random());
    patience.tell(`${what}: ${blocked}; trying again in ${(pauseMs / 1_000).toFixed(1)} s`);
    await sleep(pauseMs);
  }
}

/** Null once it is done; who was in the way otherwise. */
async function tryOnce(
  pool: pg.Pool,
  statements: readonly string[],
  lockTimeoutMs: number,
): Promise<string | null> {
  const client = await pool.connect();
  let current = "";
  try {
    await client.query("begin");
    // Functions name each other; their order in the folder is the alphabet's.
    await client.query("set local check_function_bodies = off");
    await client.query("set local statement_timeout = 0");
    const startedAt = performance.now();
    for (current of statements) {
      const left = lockTimeoutMs - (performance.now() - startedAt);
      const waitMs = Math.max(LEAST_WAIT_MS, Math.round(left));
      await client.query("select set_config('lock_timeout', $1, true)", [String(waitMs)]);
      await client.query(current);
    }
    await client.query("commit");
    return null;
  } catch (error) {
    await client.query("rollback").catch(() => {});
    const { code } = error as { code?: string };
    if (code === "40P01") return "a deadlock with somebody else";
    if (code === "55P03") return await readBlockers(client, current);
    throw fromPostgres(error);
  } finally {
    client.release();
  }
}

async function readBlockers(client: pg.PoolClient, statement: string): Promise<string> {
  const tables = footprintOf(statement).locks.map((it) => it.table);
  const { rows } = await client.query<{ blocker: string }>(
    `select format('%s is held by pid %s (%s), in a transaction since %s', l.relation::regclass, a.pid,
                   coalesce(nullif(a.application_name, ''), 'no name'),
                   to_char(a.xact_start at time zone 'UTC', 'HH24:MI:SS "UTC"')) as blocker
       from pg_locks as l
       join pg_stat_activity as a
         on a.pid = l.pid
      where l.relation = any (select to_regclass(t)::oid from unnest($1::text[]) as t)
        and l.granted
        and a.pid <> pg_backend_pid()
        and a.datname = current_database()
      order by a.xact_start
      limit 3`,
    [tables],
  );
  return rows.length > 0
    ? rows.map((row) => row.blocker).join(", ")
    : `${tables.join(", ") || "something"} was held by somebody`;
}
