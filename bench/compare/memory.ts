import { setTimeout as sleep } from "node:timers/promises";
import type { Contestant } from "../contestants/contestant.ts";
import { keepRegistering } from "./registrations.ts";
import { spreadOf } from "./samples.ts";
import type { Bench, Measured } from "./scenario.ts";

const LOOK_EVERY_MS = 250;
const MEGABYTE = 1024 * 1024;
const STEADY_PER_SECOND = 100;
const STEADY_DUE_AFTER_MS = 1_000;
/** Before that the memory of a young process grows by itself. */
const YOUNG = 0.1;

/** The most memory of a worker that finds a million rows due, while it sends the first of them. */
export async function memoryWithMuchDue(
  { arena, sizes }: Bench,
  contestant: Contestant,
): Promise<Measured> {
  const backlog = { kind: "due", rows: Math.ceil(1_000_000 * sizes.backlogShare) } as const;
  await using database = await arena.openDatabase(contestant, backlog);
  await arena.gateway.reset(0);
  await arena.settle(database);
  await using worker = arena.startWorker(contestant, database, null);
  const readings = await watch(() => worker.residentBytes(), sizes.memoryMs);
  worker.assertAlive();
  const { people } = await arena.gateway.counts();
  return { "most MB": Math.max(...readings) / MEGABYTE, "sent meanwhile": people };
}

/** Leads come in and go out at the same pace: what a worker holds at the end, against what it held at the beginning. */
export async function soak({ arena, sizes }: Bench, contestant: Contestant): Promise<Measured> {
  await using database = await arena.openDatabase(contestant);
  await arena.gateway.reset(0);
  await using worker = arena.startWorker(contestant, database, null);
  const coming = keepRegistering(database, STEADY_PER_SECOND, STEADY_DUE_AFTER_MS);
  const readings = await watch(() => worker.residentBytes(), sizes.soakMs);
  await coming.stop();
  worker.assertAlive();
  const grown = readings.slice(Math.floor(readings.length * YOUNG));
  const quarter = Math.ceil(grown.length / 4);
  const first = spreadOf(grown.slice(0, quarter))?.median ?? Number.NaN;
  const last = spreadOf(grown.slice(-quarter))?.median ?? Number.NaN;
  return {
    growth: last / first,
    "first MB": first / MEGABYTE,
    "last MB": last / MEGABYTE,
    "most MB": Math.max(...readings) / MEGABYTE,
  };
}

async function watch(read: () => number, forMs: number): Promise<number[]> {
  const readings: number[] = [];
  const endsAt = Date.now() + forMs;
  while (Date.now() < endsAt) {
    await sleep(LOOK_EVERY_MS);
    readings.push(read());
  }
  return readings;
}
