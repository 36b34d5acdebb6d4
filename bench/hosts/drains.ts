import { setTimeout as sleep } from "node:timers/promises";
import { openPool } from "../../test/support/database.ts";
import { until } from "../../test/support/until.ts";
import { percentile, rateBetween } from "../figures.ts";
import { processorMsOf } from "./processor.ts";
import { acceptedBy, openDatabase, type Site, startHosts, stopAll, untilCaughtUp } from "./site.ts";

export interface DrainWish {
  readonly hosts: number;
  /** `ONCEBOX_CONCURRENCY` of each worker. */
  readonly inFlight: number;
  /** Every commit waits until the standby has it on its disk. */
  readonly isSynchronous: boolean;
}

export interface Drained {
  readonly perSecond: number;
  readonly byHost: readonly number[];
  /** Calls at the gateway beyond one a person. */
  readonly duplicates: number;
  readonly lost: number;
  /** Processor time of the primary a message, registration and the idle looks of its workers included. */
  readonly primaryMs: number;
  readonly lag: Lag;
}

/** How far the standby was behind, and what became of those who read there meanwhile. */
interface Lag {
  readonly samples: number;
  /** Looks at views on the standby that it answered. */
  readonly answered: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly mostBytes: number;
}

/** Of the gateway, for each call; a message takes three of them in campaign mode. */
export const CALL_MS = 50;
const LOOK_EVERY_MS = 100;
/** Those that may be asked every few seconds. */
const LOOK = "select from oncebox.queue, oncebox.pulse";
const DEADLINE_MS = 300_000;

/** All of the hosts wait when the leads come in, due at once; then it is their gateway that counts. */
export async function drain(site: Site, leads: number, wish: DrainWish): Promise<Drained> {
  const { gateway } = site;
  await using database = await openDatabase(site);
  await untilCaughtUp(site);
  await waitForStandby(site, wish.isSynchronous);
  await gateway.reset(CALL_MS);
  await using started = await startHosts(site, database, {
    hosts: wish.hosts,
    provider: { url: gateway.url, apiKey: "bench" },
    env: { ONCEBOX_CONCURRENCY: String(wish.inFlight) },
  });
  const ended = new AbortController();
  const watching = watchStandby(site, database.name, ended.signal);
  const processorMs = processorMsOf(site.primary);
  await database.register(leads);
  await until("all are sent", async () => (await gateway.counts()).people >= leads, DEADLINE_MS);
  const primaryMs = (processorMsOf(site.primary) - processorMs) / leads;
  ended.abort();
  const lag = await watching;
  await stopAll(started.workers);
  await waitForStandby(site, false);
  const { people, calls } = await gateway.counts();
  const times = [...(await gateway.arrivals()).values()];
  return {
    // Without the start and the end, when not all places are taken.
    perSecond: rateBetween(times, 0.2, 0.9),
    byHost: await acceptedBy(database, started.workers),
    duplicates: calls - people,
    lost: leads - people,
    primaryMs,
    lag,
  };
}

async function waitForStandby({ admin }: Site, isSynchronous: boolean): Promise<void> {
  await admin.query(`alter system set synchronous_standby_names = '${isSynchronous ? "*" : ""}'`);
  await admin.query("select pg_reload_conf()");
  const wanted = isSynchronous ? "sync" : "async";
  await until(`replication is ${wanted}`, async () => {
    const { rows } = await admin.query<{ state: string }>(
      "select sync_state as state from pg_stat_replication",
    );
    return rows[0]?.state === wanted;
  });
}

async function watchStandby(
  { admin, standby }: Site,
  database: string,
  signal: AbortSignal,
): Promise<Lag> {
  const reader = openPool(standby.urlTo(database));
  const times: number[] = [];
  let [mostBytes, answered] = [0, 0];
  while (!signal.aborted) {
    const { rows } = await admin.query<{ ms: number | null; bytes: number }>(
      `select (extract(epoch from replay_lag) * 1000)::float8 as ms,
              pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 as bytes
         from pg_stat_replication`,
    );
    for (const { ms, bytes } of rows) {
      mostBytes = Math.max(mostBytes, bytes);
      // Null: it has had all for a while.
      times.push(ms ?? 0);
    }
    await reader.query(LOOK).then(
      () => {
        answered += 1;
      },
      () => {},
    );
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  await reader.end();
  return {
    samples: times.length,
    answered,
    medianMs: percentile(times, 50),
    p99Ms: percentile(times, 99),
    mostBytes,
  };
}
