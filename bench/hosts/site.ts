import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import { migrate } from "../../src/db/migrate.ts";
import { createDatabase, dropDatabase, openPool } from "../../test/support/database.ts";
import { makeLeads, phoneOf, register } from "../../test/support/leads.ts";
import { until } from "../../test/support/until.ts";
import { type WorkerProcess, Workers } from "../../test/support/worker-process.ts";
import { openDoor } from "../../test/survival/door.ts";
import { Clusters, type Node } from "../../test/survival/time-travel-pair.ts";
import {
  letIn,
  type OtherHost,
  openOtherHost,
  startFarWorker,
} from "../../test/survival/two-hosts.ts";
import { type Gateway, startGateway } from "../compare/gateway.ts";

/** As a server is set up by itself, but for what two hosts and a standby take. */
const SERVER = { fsync: "on", listen_addresses: "*", max_connections: "100" };
const BATCH = 1_000;
const ANSWER_MS = 30_000;

/** A primary, a standby that streams from it, two worker hosts as network namespaces, and a gateway. */
export interface Site {
  readonly primary: Node;
  readonly standby: Node;
  /** To the primary, as a superuser. */
  readonly admin: pg.Pool;
  readonly gateway: Gateway;
  readonly hosts: readonly OtherHost[];
}

/** A migrated database of one measurement. */
export interface Database extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly pool: pg.Pool;
  /** Due now, one SMS each, their numbers from `first` on. */
  register(count: number, first?: number): Promise<void>;
}

/** A gateway's address on this host, and its key. */
interface Provider {
  readonly url: string;
  readonly apiKey: string;
}

/** @param bin - The programs of a whole PostgreSQL. */
export async function openSite(bin: string): Promise<Site & AsyncDisposable> {
  await using parts = new AsyncDisposableStack();
  const hosts = [0, 1].map((number) => parts.use(openOtherHost(number)));
  const gateway = parts.use(await startGateway());
  const clusters = parts.use(new Clusters(bin));
  const primary = await clusters.create(SERVER);
  const admin = openPool(primary.urlTo("postgres"));
  parts.defer(() => admin.end());
  await letIn(kyselyOn(admin));
  const standby = await clusters.follow(primary, SERVER);
  const opened = parts.move();
  return {
    primary,
    standby,
    admin,
    gateway,
    hosts,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

export async function openDatabase({ primary }: Site): Promise<Database> {
  const serverUrl = primary.urlTo("postgres");
  const name = await createDatabase(serverUrl);
  const url = primary.urlTo(name);
  const pool = openPool(url);
  await migrate(pool);
  return {
    name,
    url,
    pool,
    async register(count, first = 0) {
      for (let done = 0; done < count; done += BATCH) {
        const leads = makeLeads(Math.min(BATCH, count - done), { email: null });
        await register(
          kyselyOn(pool),
          leads.map((lead, index) => {
            const number = first + done + index;
            return { ...lead, phone: phoneOf(number), idempotencyKey: `form-${number}` };
          }),
        );
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await dropDatabase(serverUrl, name);
    },
  };
}

/** A worker on each of so many hosts, all of them at work; they are killed in the end. */
export async function startHosts(
  site: Site,
  database: Database,
  settings: {
    readonly hosts: number;
    readonly provider: Provider;
    readonly env?: Record<string, string>;
  },
): Promise<{ readonly workers: readonly WorkerProcess[] } & AsyncDisposable> {
  await using parts = new AsyncDisposableStack();
  const { url, apiKey } = settings.provider;
  const port = Number(new URL(url).port);
  const { start } = parts.use(
    new Workers(database.url, { mobizonUrl: url, mobizonApiKey: apiKey, smtpUrl: "" }),
  );
  const env = { MAIL_FROM: "", LOG_LEVEL: "info", ...settings.env };
  const workers = await Promise.all(
    site.hosts.slice(0, settings.hosts).map(async (host) => {
      const provider = parts.use(await openDoor(host.links[1].here, { host: "127.0.0.1", port }));
      return await startFarWorker(host, start, { databaseUrl: database.url, provider }, env);
    }),
  );
  const started = parts.move();
  return { workers, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

/** Lets them finish what is under way. */
export async function stopAll(workers: readonly WorkerProcess[]): Promise<void> {
  for (const { child } of workers) child.kill("SIGTERM");
  await Promise.all(workers.map((it) => it.ended));
}

/** How many attempts were accepted that each of them made, under whichever name. */
export async function acceptedBy(
  { pool }: Database,
  workers: readonly WorkerProcess[],
): Promise<number[]> {
  const { rows } = await pool.query<{ id: string; count: number }>(
    `select worker_id as id, count(*)::integer as count
       from oncebox.attempt where outcome = 'accepted' group by worker_id`,
  );
  return workers.map(({ lines }) => {
    const names = lines.filter((it) => it.msg === "worker:started").map((it) => it.workerId);
    return rows.filter((it) => names.includes(it.id)).reduce((sum, it) => sum + it.count, 0);
  });
}

/** Waits until the standby has replayed all that is written now. */
export async function untilCaughtUp({ admin, standby }: Site): Promise<void> {
  const { rows } = await admin.query<{ lsn: string }>("select pg_current_wal_lsn()::text as lsn");
  const pool = openPool(standby.urlTo("postgres"));
  await until(
    "the standby has it all",
    async () => {
      const { rows: found } = await pool.query<{ has: boolean }>(
        "select pg_last_wal_replay_lsn() >= $1::pg_lsn as has",
        [rows[0]?.lsn],
      );
      return found[0]?.has;
    },
    ANSWER_MS,
  ).finally(() => pool.end());
}

function kyselyOn(pool: pg.Pool): Kysely<unknown> {
  return new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
}
