import { until } from "../../test/support/until.ts";
import { openDatabase, type Site, startHosts, stopAll } from "./site.ts";

/** What a lead costs the database, in bytes. */
export interface Cost {
  readonly leads: number;
  /** Written to the log by its registration, by its send, and by the look at its delivery. */
  readonly walBytes: {
    readonly registered: number;
    readonly sent: number;
    readonly followed: number;
  };
  /** On disk, by table, indexes among them; most of it at the top. */
  readonly diskBytes: Readonly<Record<string, number>>;
  /** Dead bytes that stay for a while, and what others wrote: that of the whole database at the end. */
  readonly databaseBytes: number;
}

const IN_FLIGHT = 100;
const SENT_WITHIN_MS = 600_000;

export async function measureCost(site: Site, leads: number): Promise<Cost> {
  const { admin, gateway } = site;
  await using database = await openDatabase(site);
  const bytesBefore = await sizeOf(site, database.name);
  await gateway.reset(0);
  // So that each page is logged as a whole once, as after any checkpoint.
  await admin.query("checkpoint");
  const atFirst = await walPosition(site);
  await database.register(leads);
  const registered = await walPosition(site);
  await using started = await startHosts(site, database, {
    hosts: 2,
    provider: { url: gateway.url, apiKey: "bench" },
    env: { ONCEBOX_CONCURRENCY: String(IN_FLIGHT) },
  });
  const isOver = async (condition: string) => {
    const { rows } = await database.pool.query(
      `select from oncebox.notification where ${condition} limit 1`,
    );
    return rows.length === 0;
  };
  await until("all are sent", () => isOver("state <> 'sent'"), SENT_WITHIN_MS);
  const sent = await walPosition(site);
  await until(
    "their phones have them",
    () => isOver("delivery_look_at is not null"),
    SENT_WITHIN_MS,
  );
  const followed = await walPosition(site);
  await stopAll(started.workers);

  const { rows } = await database.pool.query<{ name: string; bytes: number }>(
    `select c.oid::regclass::text as name, pg_total_relation_size(c.oid)::float8 as bytes
       from pg_class as c
       join pg_namespace as s on s.oid = c.relnamespace
      where c.relkind = 'r'
        and (s.nspname in ('oncebox', 'graphile_worker') or c.relname = 'landing_leads')
        and pg_total_relation_size(c.oid) > 10 * $1::integer
      order by bytes desc`,
    [leads],
  );
  return {
    leads,
    walBytes: {
      registered: (registered - atFirst) / leads,
      sent: (sent - registered) / leads,
      followed: (followed - sent) / leads,
    },
    diskBytes: Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes / leads])),
    databaseBytes: ((await sizeOf(site, database.name)) - bytesBefore) / leads,
  };
}

async function walPosition({ admin }: Site): Promise<number> {
  const { rows } = await admin.query<{ bytes: number }>(
    "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as bytes",
  );
  return rows[0]?.bytes ?? Number.NaN;
}

async function sizeOf({ admin }: Site, database: string): Promise<number> {
  const { rows } = await admin.query<{ bytes: number }>(
    "select pg_database_size($1)::float8 as bytes",
    [database],
  );
  return rows[0]?.bytes ?? Number.NaN;
}
