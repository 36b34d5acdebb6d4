import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Contestant } from "../contestants/contestant.ts";
import { leadsFrom } from "./leads.ts";
import { spreadOf } from "./samples.ts";
import type { Bench, Measured } from "./scenario.ts";

const GIVE_UP_MS = 20_000;

/** From the start of the process to the first call at the gateway for what is due; and a command that only prints. */
export async function measureStart(bench: Bench, contestant: Contestant): Promise<Measured> {
  const { arena, sizes } = bench;
  const firstCalls: number[] = [];
  const helps: number[] = [];
  for (let run = 0; run < sizes.starts; run++) {
    firstCalls.push(await timeOfFirstCall(bench, contestant));
    const startedAt = performance.now();
    await promisify(execFile)(process.execPath, [arena.onceboxMain, "--help"]);
    helps.push(performance.now() - startedAt);
  }
  return {
    "first call ms": spreadOf(firstCalls)?.median ?? Number.NaN,
    "help ms": spreadOf(helps)?.median ?? Number.NaN,
  };
}

async function timeOfFirstCall({ arena }: Bench, contestant: Contestant): Promise<number> {
  await using database = await arena.openDatabase(contestant);
  await database.register(leadsFrom(0, 1, new Date()));
  await arena.gateway.reset(0);
  await arena.settle(database);
  await using worker = arena.startWorker(contestant, database, null);
  const giveUpAt = Date.now() + GIVE_UP_MS;
  while (Date.now() < giveUpAt) {
    await sleep(20);
    const [first] = (await arena.gateway.arrivals()).values();
    if (first !== undefined) return first - worker.startedAt;
    worker.assertAlive();
  }
  return Number.NaN;
}
