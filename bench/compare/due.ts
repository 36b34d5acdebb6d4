import { setTimeout as sleep } from "node:timers/promises";
import type { Contestant } from "../contestants/contestant.ts";
import { percentile } from "../figures.ts";
import { digitsOf, leadOf } from "./leads.ts";
import { keepRegistering } from "./registrations.ts";
import type { Bench, Measured } from "./scenario.ts";

export const PERCENTILES = [1, 10, 25, 50, 75, 90, 95, 99, 100];

/** As shipped. */
const COMING_IN_DUE_AFTER_MS = 600_000;
/** The worker has started and done its first sends by then. */
const WARM_UP_MS = 2_000;
/** And whoever registers has made its connections, and caught up with what came while it made them. */
const WARM_UP_BUSY_MS = 6_000;
const LATE_MS = 10_000;

/** How late after its due time each SMS is at the gateway, of leads that become due one by one. */
export async function measureDue(
  { arena, sizes, note }: Bench,
  contestant: Contestant,
  comingInPerSecond = 0,
): Promise<Measured> {
  await using database = await arena.openDatabase(contestant);
  await arena.gateway.reset(0);
  await arena.settle(database);
  const startsAt = Date.now() + (comingInPerSecond > 0 ? WARM_UP_BUSY_MS : WARM_UP_MS);
  const leads = Array.from({ length: sizes.dueOneByOne }, (_, index) =>
    leadOf(index, new Date(startsAt + Math.round((sizes.dueOverMs * index) / sizes.dueOneByOne))),
  );
  const warmUp = Array.from({ length: 5 }, (_, index) => leadOf(2_000_000 + index, new Date()));
  await database.register([...leads, ...warmUp]);

  await using worker = arena.startWorker(contestant, database, null);
  const coming =
    comingInPerSecond > 0
      ? keepRegistering(database, comingInPerSecond, COMING_IN_DUE_AFTER_MS)
      : null;
  await sleep(startsAt + sizes.dueOverMs - Date.now());
  const achieved = await coming?.stop();
  const arrivals = await waitFor(() => arena.gateway.arrivals(), leads.length + warmUp.length);
  worker.assertAlive();

  const lags = leads.flatMap((it) => {
    const at = arrivals.get(digitsOf(it));
    return at === undefined ? [] : [Math.max(0, at - it.dueAt.getTime())];
  });
  if (lags.length < leads.length)
    note(`${leads.length - lags.length} of ${leads.length} not sent in time`);
  return {
    ...Object.fromEntries(PERCENTILES.map((it) => [`p${it} ms`, percentile(lags, it)])),
    ...(achieved !== undefined && { "registered per second": achieved }),
  };
}

async function waitFor(
  arrivals: () => Promise<Map<string, number>>,
  count: number,
): Promise<Map<string, number>> {
  const giveUpAt = Date.now() + LATE_MS;
  for (;;) {
    const found = await arrivals();
    if (found.size >= count || Date.now() > giveUpAt) return found;
    await sleep(100);
  }
}
