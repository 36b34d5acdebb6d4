import { setTimeout as sleep } from "node:timers/promises";
import type { Contestant } from "../contestants/contestant.ts";
import type { Database } from "./arena.ts";
import { leadOf } from "./leads.ts";
import type { Bench, Measured } from "./scenario.ts";

const CONNECTIONS = 8;
const WARM_UP_MS = 300;
/** As shipped, a lead is due ten minutes after it came. */
const DUE_AFTER_MS = 600_000;
const TICK_MS = 10;

/** Leads with an SMS and an email each where there are emails, one transaction each, on 8 connections. */
export async function registerSingly(
  { arena, sizes }: Bench,
  contestant: Contestant,
): Promise<Measured> {
  await using database = await arena.openDatabase(contestant);
  await arena.settle(database);
  let registered = 0;
  let isOver = false;
  const lane = async () => {
    const client = await database.pool.connect();
    while (!isOver) {
      await database.sender.registerOne(client, freshLead(registered++));
    }
    client.release();
  };
  const lanes = Promise.all(Array.from({ length: CONNECTIONS }, lane));
  await Promise.race([sleep(WARM_UP_MS), lanes]);
  const [from, startedAt] = [registered, performance.now()];
  await Promise.race([sleep(sizes.registerMs), lanes]);
  const rate = ((registered - from) / (performance.now() - startedAt)) * 1_000;
  isOver = true;
  await lanes;
  return { "per second": rate };
}

/** All in one transaction, as a file that is imported. */
export async function registerAtOnce(
  { arena, sizes }: Bench,
  contestant: Contestant,
): Promise<Measured> {
  await using database = await arena.openDatabase(contestant);
  await arena.settle(database);
  const leads = Array.from({ length: sizes.bulk }, (_, index) => freshLead(index));
  const startedAt = performance.now();
  await database.register(leads);
  return { "per second": (leads.length / (performance.now() - startedAt)) * 1_000 };
}

/** Registers so many a second until told to stop; answers how many a second it were. */
export function keepRegistering(
  { pool, sender }: Database,
  perSecond: number,
  dueAfterMs: number,
): { stop(): Promise<number> } {
  const stopping = new AbortController();
  const startedAt = performance.now();
  const underWay = new Set<Promise<void>>();
  let asked = 0;
  const registerOne = async (index: number) => {
    const client = await pool.connect();
    const lead = leadOf(1_000_000 + index, new Date(Date.now() + dueAfterMs));
    await sender.registerOne(client, lead).finally(() => client.release());
  };
  const pacing = (async () => {
    while (!stopping.signal.aborted) {
      const due = ((performance.now() - startedAt) / 1_000) * perSecond;
      for (; asked < due && underWay.size < perSecond; asked++) {
        const one = registerOne(asked).finally(() => underWay.delete(one));
        underWay.add(one);
      }
      await sleep(TICK_MS);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await pacing;
      await Promise.all(underWay);
      return (asked / (performance.now() - startedAt)) * 1_000;
    },
  };
}

function freshLead(index: number) {
  return leadOf(index, new Date(Date.now() + DUE_AFTER_MS), `lead${index}@example.kz`);
}
