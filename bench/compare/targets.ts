import type { Series, Target } from "./samples.ts";

const RATE = "per second";

function rate(scenario: string, contestant: string): Series {
  return { scenario, contestant, measure: RATE };
}

function times(
  what: string,
  [scenario, contestant]: [string, string],
  [otherScenario, other]: [string, string],
  atLeast: number,
): Target {
  return {
    what,
    of: rate(scenario, contestant),
    against: rate(otherScenario, other),
    ...(contestant === "oncebox" && { limit: rate(scenario, "rows-alone") }),
    atLeast,
  };
}

function atMost(what: string, of: Series, most: number): Target {
  return { what, of, atMost: most };
}

function ours(scenario: string, measure: string): Series {
  return { scenario, contestant: "oncebox", measure };
}

/** What oncebox is to reach, all of it measured in one run. */
export const TARGETS: readonly Target[] = [
  times(
    "registration, against pg-transactional-outbox",
    ["register", "oncebox"],
    ["register", "pg-transactional-outbox"],
    1,
  ),
  times(
    "registration, against graphile-worker's add_job",
    ["register", "oncebox"],
    ["register", "graphile-tuned"],
    2.5,
  ),
  times(
    "10,000 at once, against graphile-worker's add_jobs",
    ["register-bulk", "oncebox"],
    ["register-bulk", "graphile-tuned"],
    1,
  ),
  times(
    "drain, against pg-boss's batch handler",
    ["drain", "oncebox"],
    ["drain", "pg-boss-batch"],
    1.1,
  ),
  times(
    "drain, against graphile-worker tuned",
    ["drain", "oncebox"],
    ["drain", "graphile-tuned"],
    2.5,
  ),
  times("drain, against the bare loop", ["drain", "oncebox"], ["drain", "batching-loop"], 0.85),
  times(
    "drain in campaign mode, against graphile-worker tuned",
    ["drain", "oncebox-campaign"],
    ["drain", "graphile-tuned"],
    0.8,
  ),
  times(
    "drain at 50 ms, against the bare loop",
    ["drain-50ms", "oncebox"],
    ["drain-50ms", "batching-loop"],
    0.95,
  ),
  atMost("due to gateway, idle, p50, ms", ours("due-idle", "p50 ms"), 10),
  atMost("due to gateway, idle, p99, ms", ours("due-idle", "p99 ms"), 25),
  atMost("due to gateway while 500/s come in, p99, ms", ours("due-busy", "p99 ms"), 100),
  {
    what: "registrations that came in meanwhile, per second",
    of: ours("due-busy", "registered per second"),
    atLeast: 475,
  },
  times(
    "drain with 1,000,000 future rows, against none",
    ["future-1m", "oncebox"],
    ["drain", "oncebox"],
    0.95,
  ),
  times(
    "drain with 10,000,000 future rows, against none",
    ["future-10m", "oncebox"],
    ["drain", "oncebox"],
    0.9,
  ),
  times(
    "drain with 10,000,000 finished rows and an open transaction, against none",
    ["finished-10m", "oncebox"],
    ["drain", "oncebox"],
    0.8,
  ),
  ...(["shipped", "workers"] as const).flatMap((kind) =>
    (
      [
        [2, 1.9],
        [4, 3.6],
      ] as const
    ).map(([workers, atLeast]) =>
      times(
        `${workers} workers at 50 ms, ${kind === "shipped" ? "as shipped" : "100 in flight each"}, against 1`,
        [`${kind}-${workers}`, "oncebox"],
        [`${kind}-1`, "oncebox"],
        atLeast,
      ),
    ),
  ),
  atMost("connections of a worker", ours("drain-50ms", "connections"), 6),
  atMost("memory of a worker with 1,000,000 rows due, MB", ours("memory", "most MB"), 200),
  atMost(
    "memory of a worker under steady load, its end against its beginning",
    ours("soak", "growth"),
    1.1,
  ),
  atMost("start to first call at the gateway, ms", ours("start", "first call ms"), 500),
  atMost("oncebox --help, ms", ours("start", "help ms"), 150),
];
