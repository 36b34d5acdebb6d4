/**
 * How long does adopting a live landing_leads hold up the site?
 *
 *   node bench/adopt.ts --rows 2000000
 *
 * Fills a table as a site made it years ago (flags that may be null, no email flags, columns of its
 * own), then migrates it while others insert into it, flag its rows and read them as fast as they can.
 * Prints the longest of each of their statements, before and during; how long an ACCESS EXCLUSIVE lock
 * was seen on the table, looked at every few milliseconds; and whether the table was rewritten.
 */
import { parseArgs } from "node:util";
import type pg from "pg";
import { migrate } from "../src/db/migrate.ts";
import { createPool } from "../src/db/pool.ts";
import { startPostgres } from "../src/sandbox/postgres.ts";

const { values } = parseArgs({ options: { rows: { type: "string", default: "2000000" } } });
const rows = Number(values.rows);
if (!Number.isSafeInteger(rows) || rows < 1) throw new TypeError("--rows wants a whole number");

const OLD_TABLE = `
  create table public.landing_leads (
    id          uuid primary key,
    utm         text,
    name        varchar(60),
    phone       varchar(20),
    email       varchar,
    sms_sent    boolean,
    sms_sent_at timestamptz,
    created_at  timestamptz default now()
  )`;
const FILL = `
  insert into public.landing_leads (id, utm, name, phone, email, sms_sent, sms_sent_at, created_at)
  select gen_random_uuid(), 'ads', 'Айгерим', '+7701' || lpad(n::text, 7, '0'), 'lead' || n || '@example.kz',
         case n % 3 when 0 then null when 1 then false else true end,
         case n % 3 when 2 then now() end, now() - n * interval '1 second'
    from generate_series(1, $1::integer) as n`;

/** What the site does meanwhile, each on a connection of its own. */
const SITE = {
  insert:
    "insert into landing_leads (id, name, phone) values (gen_random_uuid(), 'Ержан', '+77011112233')",
  flag: `update landing_leads set sms_sent = true, sms_sent_at = now()
          where id = (select id from landing_leads tablesample system (1) where sms_sent is not true limit 1)`,
  read: "select count(*) from (select from landing_leads where sms_sent limit 1000) as lines",
} as const;

await using postgres = await startPostgres();
const pool = createPool({
  databaseUrl: postgres.url,
  max: 10,
  applicationName: "oncebox bench",
  onIdleError: () => {},
});
try {
  await pool.query(OLD_TABLE);
  await pool.query(FILL, [rows]);
  await pool.query("vacuum analyze public.landing_leads");
  const fileBefore = await fileOf(pool);

  const stopping = new AbortController();
  const statements: Statement[] = [];
  const site = Object.keys(SITE).map((name) => keepDoing(name as keyof typeof SITE, statements));
  const sightings = watchLock();
  const calm = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const startedAt = performance.now();
  const applied = await migrate(pool);
  const endedAt = performance.now();
  stopping.abort();
  await Promise.all(site);
  const locked = await sightings;

  const { rows: size } = await pool.query<{ size: string }>(
    "select pg_size_pretty(pg_table_size('public.landing_leads')) as size",
  );
  console.log(
    `${rows} rows, ${size[0]?.size}; migrate applied ${applied.join(", ")} in ${ms(endedAt - startedAt)}`,
  );
  for (const name of Object.keys(SITE)) {
    const before = statements.filter((it) => it.name === name && it.at > calm && it.at < startedAt);
    const during = statements.filter(
      (it) => it.name === name && it.at >= startedAt && it.at < endedAt,
    );
    console.log(
      `${name.padEnd(6)} before: ${before.length}, longest ${longest(before)}; during: ${during.length}, longest ${longest(during)}`,
    );
  }
  console.log(`ACCESS EXCLUSIVE on landing_leads: held ${ms(locked)} at most`);
  console.log(`rewritten: ${(await fileOf(pool)) === fileBefore ? "no" : "yes"}`);

  async function keepDoing(name: keyof typeof SITE, done: Statement[]): Promise<void> {
    const client = await pool.connect();
    while (!stopping.signal.aborted) {
      const at = performance.now();
      await client.query(SITE[name]);
      done.push({ name, at, took: performance.now() - at });
    }
    client.release();
  }

  /** The longest time in a row that one session was seen with the lock, in milliseconds. */
  async function watchLock(): Promise<number> {
    const client = await pool.connect();
    let seenSince: number | null = null;
    let longestMs = 0;
    while (!stopping.signal.aborted) {
      const asked = performance.now();
      const { rowCount } = await client.query(
        `select from pg_locks
          where relation = 'public.landing_leads'::regclass and mode = 'AccessExclusiveLock' and granted`,
      );
      seenSince = rowCount === 0 ? null : (seenSince ?? asked);
      if (seenSince !== null) longestMs = Math.max(longestMs, performance.now() - seenSince);
    }
    client.release();
    return longestMs;
  }
} finally {
  await pool.end();
}

interface Statement {
  readonly name: string;
  readonly at: number;
  readonly took: number;
}

async function fileOf(db: pg.Pool): Promise<string | undefined> {
  const { rows: found } = await db.query<{ file: string }>(
    "select pg_relation_filenode('public.landing_leads')::text as file",
  );
  return found[0]?.file;
}

function longest(statements: readonly Statement[]): string {
  return ms(Math.max(0, ...statements.map((it) => it.took)));
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
