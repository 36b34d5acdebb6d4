import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import type { Tell } from "./patience.ts";

/** Any number, the same in every version: whoever holds it is migrating. */
const MIGRATION_LOCK = 4_600_146_001;

/** How often somebody who waits looks again, about, and how often it says so. */
const LOOK_AGAIN_MS = 250;
const SAY_AGAIN_MS = 10_000;

/**
 * Does the work while nobody else migrates; whoever comes second waits, and says for whom.
 *
 * A transaction-level lock on a connection of its own: it goes with the connection, whatever
 * happens to us, and is safe behind a pooler, where a session-level one may outlive its session.
 *
 * Neither who waits nor who holds it may have a snapshot open meanwhile: an index that is built
 * concurrently waits for every older one, and so for ever. Hence asked again and again instead of
 * waited for, and without a parameter: for one, pg leaves a portal open, and with it a snapshot.
 */
export async function migratingAlone<T>(
  pool: pg.Pool,
  tell: Tell,
  work: () => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    let sayAt = 0;
    while (!(await takeLock(client))) {
      if (performance.now() > sayAt) {
        // Its holder may be gone by now.
        for (const it of await readHolders(client)) tell(`waiting for another migrate: ${it}`);
        sayAt = performance.now() + SAY_AGAIN_MS;
      }
      await sleep(LOOK_AGAIN_MS * (0.5 + Math.random()));
    }
    return await work();
  } finally {
    await client.query("rollback").catch(() => {});
    client.release();
  }
}

async function takeLock(client: pg.PoolClient): Promise<boolean> {
  await client.query("begin");
  // The transaction stays open and idle while the work goes on elsewhere.
  await client.query(`
    select set_config(name, '0', true)
      from pg_settings
     where name in ('idle_in_transaction_session_timeout', 'transaction_timeout')`);
  const { rows } = await client.query<{ isMine: boolean }>(
    `select pg_try_advisory_xact_lock(${MIGRATION_LOCK}) as "isMine"`,
  );
  if (rows[0]?.isMine) return true;
  await client.query("rollback");
  return false;
}

async function readHolders(client: pg.PoolClient): Promise<string[]> {
  const { rows } = await client.query<{ holder: string }>(
    `select format('pid %s (%s), since %s', a.pid, coalesce(nullif(a.application_name, ''), 'no name'),
                   to_char(a.xact_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')) as holder
       from pg_locks as l
       join pg_stat_activity as a
         on a.pid = l.pid
      where l.locktype = 'advisory'
        and l.database = (select oid from pg_database where datname = current_database())
        and (l.classid::bigint << 32) + l.objid::bigint = $1
        and l.objsubid = 1
        and l.granted`,
    [MIGRATION_LOCK],
  );
  return rows.map((row) => row.holder);
}
