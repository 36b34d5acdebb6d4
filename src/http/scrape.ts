import { Kysely, PostgresDialect } from "kysely";
import { createPool, cutConnections } from "../db/pool.ts";
import { type Queue, readQueue } from "../inspect/queue.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { shareReading } from "./share.ts";

/** Answers scrapes. */
export interface Scrape {
  /** Everything that is measured, in Prometheus' own format; about a second old at most. */
  read(): Promise<{ readonly contentType: string; readonly body: string }>;
  close(): Promise<void>;
}

/** However many ask: the database is read once in so long. */
const FRESH_MS = 1_000;
/** Each: to connect, to wait for locks, to read. Prometheus itself waits ten seconds. */
const STEP_MS = 2_000;
/** For all of it: then the connection, which fell silent, is cut. */
const READ_MS = 5_000;

/** Opens no connection yet. It uses one of its own, so that it takes none from a send or a request. */
export function openScrape(settings: {
  readonly metrics: Metrics;
  readonly databaseUrl: string;
  readonly log: Logger;
}): Scrape {
  const { metrics, log } = settings;
  const pool = createPool({
    databaseUrl: settings.databaseUrl,
    max: 1,
    applicationName: "oncebox metrics",
    limits: { statementMs: STEP_MS, lockMs: STEP_MS },
    connectMs: STEP_MS,
    onIdleError: () => {},
  });
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });

  async function readInTime(): Promise<Queue | null> {
    const tooLate = setTimeout(() => cutConnections(pool), READ_MS);
    try {
      return await readQueue(db);
    } catch (error) {
      log.warn({ err: error }, "metrics:the database could not be read");
      return null;
    } finally {
      clearTimeout(tooLate);
    }
  }

  async function readAll() {
    metrics.setQueue(await readInTime());
    const body = await metrics.registry.metrics();
    return { contentType: metrics.registry.contentType, body };
  }

  return { read: shareReading(readAll, FRESH_MS), close: () => pool.end() };
}
