import { randomUUID } from "node:crypto";
import { type Runner, Logger as RunnerLogger, run } from "graphile-worker";
import { Kysely, PostgresDialect } from "kysely";
import { createMobizonChannel } from "./channels/mobizon.ts";
import { createSmtpChannel } from "./channels/smtp.ts";
import { type Config, requireDatabaseUrl } from "./config.ts";
import { assertSchemaIsCurrent } from "./db/migrate.ts";
import { assertReachable, createPool } from "./db/pool.ts";
import { OnceboxError } from "./errors.ts";
import type { Logger } from "./log.ts";
import type { ChannelName } from "./outbox/notification.ts";
import type { Channel } from "./outbox/outcome.ts";
import { setDelay, signOff, signOn } from "./outbox/worker-row.ts";
import { runAlarm } from "./tasks/alarm.ts";
import { sendTask } from "./tasks/send.ts";
import { runSweep } from "./tasks/sweep.ts";
import { readVersion } from "./version.ts";

export interface Worker {
  /** Made anew at every start; claims name it. */
  readonly id: string;
  /** The channels it sends on. */
  readonly channels: readonly ChannelName[];
  /**
   * Drains: claims nothing new, lets what is in flight finish and settle, then lets go of
   * everything. Safe to call again; every call waits for the same end.
   */
  stop(): Promise<void>;
  /** Settles when the worker has ended: rejects if it ended by itself. */
  readonly done: Promise<void>;
}

interface Way {
  readonly channel: Channel;
  readonly twoStep: boolean;
}

/** graphile-worker looks for jobs this often by itself; the alarm makes due ones start on time. */
const POLL_INTERVAL_MS = 2_000;
/** One listens for jobs; the others are for statements of a few milliseconds each. */
const CONNECTIONS = 5;

/**
 * Starts a worker: it sends what is due, until it is stopped. Builds everything it needs from the
 * configuration; installs no signal handlers.
 *
 * @throws OnceboxError `ONCEBOX_CONFIG_INVALID` - DATABASE_URL is missing, or no channel is configured.
 * @throws OnceboxError `ONCEBOX_DATABASE_UNREACHABLE`, `ONCEBOX_SCHEMA_MISSING`, `ONCEBOX_SCHEMA_OUTDATED`.
 */
export async function runWorker(config: Config, log: Logger): Promise<Worker> {
  const databaseUrl = requireDatabaseUrl(config);
  const ways = createWays(config, log);
  const pool = createPool({
    databaseUrl,
    max: CONNECTIONS,
    applicationName: "oncebox worker",
    onIdleError: (error) =>
      log.warn({ err: error }, "database:connection lost, it is opened again"),
  });
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  const id = randomUUID();
  let isStopping = false;
  let runner: Runner;
  try {
    await assertReachable(pool);
    await assertSchemaIsCurrent(pool);
    if (config.delay !== null) await setDelay(db, config.delay);
    await signOn(db, id, readVersion());
    runner = await run({
      pgPool: pool,
      concurrency: config.concurrency,
      pollInterval: POLL_INTERVAL_MS,
      noHandleSignals: true,
      // Its abort would only end the wait for an answer, and every send has a deadline of its own.
      gracefulShutdownAbortTimeout: config.leaseMs,
      logger: runnerLogger(log),
      taskList: Object.fromEntries(
        Object.entries(ways).map(([name, way]) => [
          `oncebox_${name}`,
          sendTask({
            ...way,
            db,
            workerId: id,
            leaseMs: config.leaseMs,
            sendTimeoutMs: config.sendTimeoutMs,
            isStopping: () => isStopping,
            log,
          }),
        ]),
      ),
    });
  } catch (error) {
    await pool.end();
    throw error;
  }

  const background = new AbortController();
  const loops = [runAlarm(db, log, background.signal), runSweep(db, log, background.signal)];

  async function shutDown(): Promise<void> {
    background.abort();
    await Promise.all(loops);
    await Promise.all(Object.values(ways).map((way) => way.channel.close()));
    await signOff(db, id).catch((error: unknown) =>
      log.warn({ err: error }, "worker:not signed off"),
    );
    await pool.end();
    log.info({ workerId: id }, "worker:stopped");
  }

  let stopped: Promise<void> | null = null;
  async function drain(): Promise<void> {
    log.info({ workerId: id }, "worker:stopping, what is in flight finishes");
    await runner.stop();
    await shutDown();
  }
  const done = runner.promise.then(
    () => stopped ?? undefined,
    async (error: unknown) => {
      if (stopped !== null) return await stopped;
      await shutDown();
      throw error;
    },
  );
  // Whoever does not look at `done` hears of it through `stop`; a rejection must not end the process.
  done.catch(() => {});

  const channels = Object.keys(ways) as ChannelName[];
  log.info({ workerId: id, channels, concurrency: config.concurrency }, "worker:started");
  return {
    id,
    channels,
    done,
    stop() {
      isStopping = true;
      stopped ??= drain();
      return stopped;
    },
  };
}

function createWays(config: Config, log: Logger): Partial<Record<ChannelName, Way>> {
  const { mobizon, smtp } = config;
  const ways: Partial<Record<ChannelName, Way>> = {};
  if (mobizon !== null) {
    ways.sms = {
      channel: createMobizonChannel({ ...mobizon, sender: mobizon.sender ?? undefined }),
      twoStep: mobizon.mode === "campaign",
    };
  } else {
    log.warn({ channel: "sms" }, "channel:off, MOBIZON_API_KEY is not set");
  }
  if (smtp !== null) {
    ways.email = { channel: createSmtpChannel(smtp), twoStep: false };
  } else {
    log.warn({ channel: "email" }, "channel:off, SMTP_URL is not set");
  }
  if (mobizon === null && smtp === null) {
    throw new OnceboxError(
      "ONCEBOX_CONFIG_INVALID",
      "neither MOBIZON_API_KEY nor SMTP_URL is set: there is nothing to send with",
      {
        hint: "Set at least one of them, or try everything without a provider: oncebox dev",
      },
    );
  }
  return ways;
}

/**
 * graphile-worker's own messages, without its payloads. Its warnings are no alarm of ours: the first
 * one, at every start, is that there are fewer connections than tasks, which is meant so.
 */
function runnerLogger(log: Logger): RunnerLogger {
  return new RunnerLogger(() => (level, message) => {
    if (level === "error") log.error({ from: "graphile-worker" }, message);
    else if (level === "warning") log.info({ from: "graphile-worker" }, message);
    else log.debug({ from: "graphile-worker" }, message);
  });
}
