import { EventEmitter } from "node:events";
import {
  type Runner,
  Logger as RunnerLogger,
  run,
  type WorkerEventMap,
  type WorkerEvents,
} from "graphile-worker";
import { Kysely, PostgresDialect } from "kysely";
import pLimit from "p-limit";
import type { WorkerConfig } from "./config.ts";
import { assertSchemaIsCurrent } from "./db/migrate.ts";
import { assertReachable, createPool, cutConnections } from "./db/pool.ts";
import { takePresence } from "./db/presence.ts";
import type { Logger } from "./log.ts";
import { type Moves, movesOn } from "./outbox/moves.ts";
import type { ChannelName } from "./outbox/notification.ts";
import type { Channel } from "./outbox/outcome.ts";
import { addJobWorker, makeWorkerName, setDelay, signOff, signOn } from "./outbox/worker-row.ts";
import { runAlarm } from "./tasks/alarm.ts";
import { runBalance } from "./tasks/balance.ts";
import { runDeliveries } from "./tasks/deliveries.ts";
import { runDiscard } from "./tasks/discard.ts";
import type { Observer } from "./tasks/observer.ts";
import { PRUNE_CRONTAB, pruneTask } from "./tasks/prune.ts";
import { runReconcile } from "./tasks/reconcile.ts";
import { sendTask } from "./tasks/send.ts";
import { runSweep } from "./tasks/sweep.ts";
import { readVersion } from "./version.ts";

/** A provider that is configured. */
export interface Way {
  readonly channel: Channel;
  /** Whether it commits a draft before the one call that cannot be taken back. */
  readonly twoStep: boolean;
}

export type Ways = Readonly<Partial<Record<ChannelName, Way>>>;

/** Where something may be put in between, to watch a worker or to break it. */
export interface Seams {
  channel?(name: ChannelName, channel: Channel): Channel;
  moves?(moves: Moves): Moves;
  /** Is told of what the worker does. */
  readonly observer?: Observer;
}

/** One life of a worker under one name: from taking its lock to letting go of it, or losing it. */
export interface Shift {
  readonly workerId: string;
  /** Settles, with why, when it cannot go on: its lock's connection or its jobs are lost. Never rejects. */
  readonly lost: Promise<string>;
  /** Claims nothing new, lets what is in flight finish and settle, and lets go of everything. */
  end(): Promise<void>;
}

type LocalQueue = WorkerEventMap["localQueue:init"]["localQueue"];

/** graphile-worker looks for jobs this often by itself; the alarm makes due ones start on time. */
const POLL_INTERVAL_MS = 2_000;
/** While one is sent, another is claimed, a third one written down, and the next one is at hand. */
const JOBS_PER_PLACE = 4;
/** How long a job may wait here for a place before it is given back to the other workers. */
const QUEUED_MS = 2_000;
/** One listens for jobs; the others are for statements of a few milliseconds each. With the lock's own one more. */
const CONNECTIONS = 5;
/** How long graphile-worker may take to give its jobs back once no send is under way; sweep would do it as well. */
const RUNNER_STOP_MS = 5_000;
/** How long the connections may take to close by themselves. */
const LET_GO_MS = 2_000;

/**
 * @throws OnceboxError `ONCEBOX_DATABASE_UNREACHABLE`, `ONCEBOX_SCHEMA_MISSING`,
 *   `ONCEBOX_SCHEMA_OUTDATED`, `ONCEBOX_CONNECTION_NOT_SESSION`.
 */
export async function startShift(
  databaseUrl: string,
  config: WorkerConfig,
  ways: Ways,
  log: Logger,
  seams: Seams,
): Promise<Shift> {
  const pool = createPool({
    databaseUrl,
    max: CONNECTIONS,
    applicationName: "oncebox worker",
    onIdleError: (error) =>
      log.warn({ err: error }, "database:connection lost, it is opened again"),
  });
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  await using opened = new AsyncDisposableStack();
  opened.defer(() => pool.end());
  const { observer } = seams;

  await assertReachable(pool);
  await assertSchemaIsCurrent(pool);
  if (config.delay !== null) await setDelay(db, config.delay);
  const name = makeWorkerName();
  const presence = await takePresence(databaseUrl, name.lockKey);
  opened.defer(() => presence.close());
  await signOn(db, name, readVersion());
  observer?.connected(pool);

  const moves = seams.moves?.(movesOn(db)) ?? movesOn(db);
  let isEnding = false;
  const inFlight = new Set<Promise<void>>();
  const inPlace = pLimit(config.concurrency);
  const jobWorkers: string[] = [];
  const events: WorkerEvents = new EventEmitter();
  // Jobs are taken in the name of the pool, and not of the workers in it.
  events.on("pool:create", ({ workerPool }) => jobWorkers.push(workerPool.id));
  // It may stop by itself and never say so through its promise, when giving its jobs back failed, too.
  const stopsItself = new Promise<string>((resolve) => {
    for (const name of ["pool:gracefulShutdown", "pool:forcefulShutdown"] as const)
      events.once(name, ({ message }) => resolve(`graphile-worker: ${message}`));
  });
  events.on("localQueue:init", ({ localQueue }) => handBackFirst(localQueue));
  const runner = await run({
    pgPool: pool,
    events,
    concurrency: JOBS_PER_PLACE * config.concurrency,
    pollInterval: POLL_INTERVAL_MS,
    noHandleSignals: true,
    // In batches even of one: by itself it takes a finished job away without waiting for it, and a
    // database that went just then would end our process by an unhandled rejection. So it ends the runner.
    preset: {
      worker: {
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
        localQueue: { size: JOBS_PER_PLACE * config.concurrency, ttl: QUEUED_MS },
      },
    },
    // Its abort would only end the wait for an answer, and every send has a deadline of its own.
    gracefulShutdownAbortTimeout: config.leaseMs,
    logger: runnerLogger(log),
    ...(config.keepMs !== null && { crontab: PRUNE_CRONTAB }),
    taskList: {
      ...(config.keepMs !== null && {
        oncebox_prune: pruneTask({ db, keepMs: config.keepMs, isStopping: () => isEnding, log }),
      }),
      ...Object.fromEntries(
        Object.entries(ways).map(([channel, way]) => {
          const task = sendTask({
            ...way,
            moves,
            workerId: name.id,
            leaseMs: config.leaseMs,
            sendTimeoutMs: config.sendTimeoutMs,
            inHand: pLimit(config.concurrency + claimsAhead(channel, config)),
            inPlace,
            perSecond: channel === "sms" ? config.smsPerSecond : null,
            isStopping: () => isEnding,
            observer,
            log,
          });
          return [
            `oncebox_${channel}`,
            (payload, helpers) => track(inFlight, Promise.resolve(task(payload, helpers))),
          ];
        }),
      ),
    },
  });
  // It takes jobs already: should this start fail yet, what was begun is finished and settled first.
  opened.defer(async () => {
    isEnding = true;
    const stopped = stopRunner(runner, log);
    await Promise.allSettled(inFlight);
    await within(RUNNER_STOP_MS, stopped);
  });
  await addJobWorker(db, name.id, jobWorkers);

  const background = new AbortController();
  const channels = Object.fromEntries(
    Object.entries(ways).map(([channel, way]) => [channel, way.channel]),
  );
  const loops = [
    runAlarm(db, log, background.signal),
    runSweep(db, log, background.signal, observer),
    runDiscard({ db, channels, sendTimeoutMs: config.sendTimeoutMs, log }, background.signal),
    runDeliveries({ db, channels, sendTimeoutMs: config.sendTimeoutMs, log }, background.signal),
    runBalance({ db, channels, warnBelow: config.balanceWarn, log }, background.signal),
    runReconcile(
      {
        db,
        workerId: name.id,
        channels,
        emailUnknown: config.emailUnknown,
        sendTimeoutMs: config.sendTimeoutMs,
        observer,
        log,
      },
      background.signal,
    ),
  ];

  const lost = Promise.race([
    presence.lost.then((why) => `the lock's connection: ${why}`),
    runner.promise.then(
      () => "graphile-worker stopped",
      (error: Error) => `graphile-worker: ${error.message}`,
    ),
    stopsItself,
  ]).then((why) => {
    if (isEnding) return why;
    isEnding = true;
    // What waits on a connection that fell silent asks again on a new one.
    cutConnections(pool);
    return why;
  });
  const resources = opened.move();
  return {
    workerId: name.id,
    lost,
    async end() {
      isEnding = true;
      background.abort();
      await Promise.all(loops);
      const stopped = stopRunner(runner, log);
      await Promise.allSettled(inFlight);
      await within(RUNNER_STOP_MS, stopped);
      await signOff(db, name.id).catch((error: unknown) =>
        log.warn({ err: error }, "worker:not signed off, sweep will notice"),
      );
      await within(
        LET_GO_MS,
        resources.disposeAsync().catch((error: unknown) => {
          log.debug({ err: error }, "a connection did not close by itself");
        }),
      );
      // Whatever still holds a connection, such as a listener of graphile-worker's that came back
      // just now, must not keep the next shift waiting.
      cutConnections(pool);
    },
  };
}

/**
 * How many may be claimed while all places are taken, so that no place waits for a claim: as many
 * again. With a rate, a claim is a turn to send now. And emails whose worker died cannot be asked for.
 */
function claimsAhead(channel: string, { concurrency, smsPerSecond }: WorkerConfig): number {
  return channel === "sms" && smsPerSecond === null ? concurrency : 0;
}

async function track(inFlight: Set<Promise<void>>, task: Promise<unknown>): Promise<void> {
  const done = task.then(() => {});
  inFlight.add(done);
  try {
    await done;
  } finally {
    inFlight.delete(done);
  }
}

async function stopRunner(runner: Runner, log: Logger): Promise<void> {
  try {
    await runner.stop();
  } catch (error) {
    // It had stopped by itself, or could not give its jobs back: sweep does.
    log.debug({ err: error }, "graphile-worker did not stop by itself");
  }
}

/**
 * Has the jobs that wait here for a place given back before their queue is closed. graphile-worker 0.18
 * does it afterwards, when nobody hears of a failure any more: a database that is away then ends our
 * process by an unhandled rejection.
 */
function handBackFirst(queue: LocalQueue): void {
  const release = queue.release.bind(queue);
  queue.release = () => {
    if (queue.mode === "WAITING") {
      (queue as unknown as { setModeTtlExpired(): void }).setModeTtlExpired();
    }
    return release();
  };
}

async function within(limitMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, tooLate]);
  clearTimeout(timer);
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
