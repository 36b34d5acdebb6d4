import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { type Contestant, IN_FLIGHT } from "../contestants/contestant.ts";
import { rateBetween } from "../figures.ts";
import { APPLICATION, type Backlog, type Database } from "./arena.ts";
import { leadsFrom } from "./leads.ts";
import type { WorkerProcess } from "./process.ts";
import type { Bench, Measured } from "./scenario.ts";

export interface DrainOptions {
  readonly delayMs?: number;
  readonly workers?: number;
  /** Sends under way at once in each worker; left out: as many as the contestants are compared at, null: its default. */
  readonly inFlight?: number | null;
  /** Of a drain's leads, each worker has this part; default 1. */
  readonly share?: number;
  readonly backlog?: Backlog;
  /** An old transaction elsewhere keeps what is dead from being cleaned up. */
  readonly isTransactionOpen?: boolean;
  /** Leaves out the start and the end, when not all of several workers are there. */
  readonly isMiddleOnly?: boolean;
}

const LOOK_EVERY_MS = 25;
const COUNT_CONNECTIONS_EVERY_MS = 500;

/** How fast what is due goes out: from the first call at the gateway to the last, and that everybody got one. */
export async function drain(
  bench: Bench,
  contestant: Contestant,
  options: DrainOptions = {},
): Promise<Measured> {
  const { arena, sizes } = bench;
  const workers = options.workers ?? 1;
  await using database = await arena.openDatabase(contestant, shareOf(bench, options.backlog));
  await using held = new AsyncDisposableStack();
  if (options.isTransactionOpen === true) {
    await holdTransaction(database, held);
    await sendBefore(bench, contestant, database);
  }
  const count = Math.ceil(sizes.drain * (options.share ?? 1)) * workers;
  await database.register(leadsFrom(0, count, new Date()));
  await arena.gateway.reset(options.delayMs ?? 0);
  await arena.settle(database);

  const { inFlight = IN_FLIGHT } = options;
  const watch = await watchDrain(bench, contestant, database, { count, workers, inFlight });
  const counts = await arena.gateway.counts();
  checkEverybody(bench, count, counts, watch.isOver);
  const times = [...(await arena.gateway.arrivals()).values()];
  const [from, to] = options.isMiddleOnly === true ? [0.2, 0.9] : [0, 1];
  return {
    "per second": rateBetween(times, from, to),
    connections: Math.ceil(watch.connections / workers),
    "processors busy": watch.processors,
  };
}

function shareOf({ sizes }: Bench, backlog: Backlog | undefined): Backlog | null {
  return backlog === undefined
    ? null
    : { ...backlog, rows: Math.ceil(backlog.rows * sizes.backlogShare) };
}

interface Watched {
  readonly isOver: boolean;
  readonly connections: number;
  /** How many of the machine's were busy on average, with whatever, from the first call on. */
  readonly processors: number;
}

/** Starts the workers, waits until all is sent or the time is up, and stops them. */
async function watchDrain(
  { arena, sizes }: Bench,
  contestant: Contestant,
  database: Database,
  {
    count,
    workers,
    inFlight,
  }: { readonly count: number; readonly workers: number; readonly inFlight: number | null },
): Promise<Watched> {
  await using started = new AsyncDisposableStack();
  const processes = Array.from({ length: workers }, () =>
    started.use(arena.startWorker(contestant, database, inFlight)),
  );
  let connections = 0;
  let countedAt = 0;
  let giveUpAt = Date.now() + 2 * sizes.drainMs;
  let busy = watchProcessors();
  for (let people = 0; ; ) {
    await sleep(LOOK_EVERY_MS);
    const now = Date.now();
    const before = people;
    people = (await arena.gateway.counts()).people;
    if (before === 0 && people > 0) {
      giveUpAt = now + sizes.drainMs;
      busy = watchProcessors();
    }
    if (people >= count) return { isOver: true, connections, processors: busy() };
    if (now > giveUpAt) return { isOver: false, connections, processors: busy() };
    if (now - countedAt < COUNT_CONNECTIONS_EVERY_MS) continue;
    countedAt = now;
    assertAlive(processes);
    connections = Math.max(connections, await countConnections(database));
  }
}

/** Says, when it is asked, how many processors were busy on average since. */
function watchProcessors(): () => number {
  const before = readProcessors();
  return () => {
    const now = readProcessors();
    return ((now.busyMs - before.busyMs) * cpus().length) / (now.allMs - before.allMs);
  };
}

function readProcessors(): { readonly busyMs: number; readonly allMs: number } {
  let busyMs = 0;
  let allMs = 0;
  for (const { times } of cpus()) {
    const spent = times.user + times.nice + times.sys + times.irq;
    busyMs += spent;
    allMs += spent + times.idle;
  }
  return { busyMs, allMs };
}

function assertAlive(processes: readonly WorkerProcess[]): void {
  for (const it of processes) it.assertAlive();
}

async function countConnections({ pool, name }: Database): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::integer as count from pg_stat_activity
      where datname = $1 and backend_type = 'client backend' and application_name <> $2`,
    [name, APPLICATION],
  );
  return rows[0]?.count ?? 0;
}

function checkEverybody(
  { note }: Bench,
  count: number,
  { people, calls }: { readonly people: number; readonly calls: number },
  isOver: boolean,
): void {
  if (calls > people) note(`${calls - people} duplicates of ${people} people`);
  if (people > count) note(`${people - count} people got one that is not due`);
  if (!isOver && people < count) note(`${people} of ${count} sent when the time was up`);
}

async function holdTransaction({ pool }: Database, held: AsyncDisposableStack): Promise<void> {
  const client = await pool.connect();
  await client.query("begin isolation level repeatable read");
  await client.query("select pg_current_xact_id()");
  held.defer(async () => {
    await client.query("rollback");
    client.release();
  });
}

/** What a worker sends in the minutes that the transaction was open already. */
async function sendBefore(
  { arena, sizes }: Bench,
  contestant: Contestant,
  database: Database,
): Promise<void> {
  await database.register(leadsFrom(5_000_000, sizes.sentBefore, new Date()));
  await arena.gateway.reset(0);
  await using worker = arena.startWorker(contestant, database, IN_FLIGHT);
  const giveUpAt = Date.now() + 6 * sizes.drainMs;
  while ((await arena.gateway.counts()).people < sizes.sentBefore && Date.now() < giveUpAt) {
    await sleep(LOOK_EVERY_MS);
    worker.assertAlive();
  }
}
