import { drain } from "./drain.ts";
import { measureDue } from "./due.ts";
import { claimsInBatches, claimsSingly, insertsAlone, postsAlone } from "./limits.ts";
import { memoryWithMuchDue, soak } from "./memory.ts";
import { registerAtOnce, registerSingly } from "./registrations.ts";
import type { Limit, Scenario, Sizes } from "./scenario.ts";
import { measureStart } from "./start.ts";

export const FULL: Sizes = {
  drain: 10_000,
  drainMs: 15_000,
  bulk: 10_000,
  registerMs: 5_000,
  dueOneByOne: 150,
  dueOverMs: 9_000,
  backlogShare: 1,
  memoryMs: 20_000,
  sentBefore: 50_000,
  starts: 5,
  soakMs: 0,
};

export const QUICK: Sizes = {
  ...FULL,
  drain: 1_500,
  drainMs: 2_500,
  registerMs: 800,
  dueOneByOne: 30,
  dueOverMs: 1_500,
  backlogShare: 0.01,
  memoryMs: 3_000,
  sentBefore: 2_000,
  starts: 3,
};

const MILLION = 1_000_000;
/** Campaign mode differs in what it sends, and in nothing else. */
const SINGLE_CALL = [
  ...["oncebox", "graphile-default", "graphile-tuned", "pg-boss-tuned", "pg-boss-batch"],
  ...["pg-transactional-outbox", "batching-loop"],
];
const REGISTERING = [...SINGLE_CALL, "rows-alone"];
/** Of each kind the one that does best. */
const BUSY = [
  "oncebox",
  "graphile-tuned",
  "pg-boss-batch",
  "pg-transactional-outbox",
  "batching-loop",
];
const SCALED = ["oncebox", "graphile-tuned", "batching-loop"];
const LARGE = ["oncebox", "batching-loop"];

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "register",
    title: "registrations, one transaction each, 8 connections",
    isQuick: true,
    only: REGISTERING,
    run: registerSingly,
  },
  {
    name: "register-bulk",
    title: "10,000 registrations at once",
    isQuick: true,
    only: REGISTERING,
    run: registerAtOnce,
  },
  { name: "drain", title: "drain, gateway 0 ms", isQuick: true, run: drain },
  {
    name: "drain-50ms",
    title: "drain, gateway 50 ms, 100 in flight",
    isQuick: true,
    run: (bench, contestant) => drain(bench, contestant, { delayMs: 50 }),
  },
  {
    name: "due-idle",
    title: "due to gateway, idle",
    isQuick: true,
    only: SINGLE_CALL,
    run: measureDue,
  },
  {
    name: "due-busy",
    title: "due to gateway while 500 registrations/s come in",
    isQuick: false,
    only: BUSY,
    run: (bench, contestant) => measureDue(bench, contestant, 500),
  },
  {
    name: "future-1m",
    title: "drain with 1,000,000 future rows",
    isQuick: false,
    only: BUSY,
    gigabytes: 12,
    run: (bench, contestant) =>
      drain(bench, contestant, { backlog: { kind: "future", rows: MILLION } }),
  },
  {
    name: "future-10m",
    title: "drain with 10,000,000 future rows",
    isQuick: false,
    only: LARGE,
    gigabytes: 30,
    run: (bench, contestant) =>
      drain(bench, contestant, { backlog: { kind: "future", rows: 10 * MILLION } }),
  },
  {
    name: "finished-10m",
    title: "drain with 10,000,000 finished rows and an open transaction",
    isQuick: false,
    only: LARGE,
    gigabytes: 30,
    run: (bench, contestant) =>
      drain(bench, contestant, {
        backlog: { kind: "finished", rows: 10 * MILLION },
        isTransactionOpen: true,
      }),
  },
  ...[1, 2, 4].map((workers) => ({
    name: `workers-${workers}`,
    title: `drain at 50 ms, ${workers} ${workers === 1 ? "worker" : "workers"}, 100 in flight each`,
    isQuick: false,
    only: SCALED,
    run: ((bench, contestant) =>
      drain(bench, contestant, { delayMs: 50, workers, isMiddleOnly: true })) as Scenario["run"],
  })),
  ...[1, 2, 4].map((workers) => ({
    name: `shipped-${workers}`,
    title: `drain at 50 ms, ${workers} ${workers === 1 ? "worker" : "workers"} as shipped, 10 in flight each`,
    isQuick: false,
    only: ["oncebox"],
    run: ((bench, contestant) =>
      drain(bench, contestant, {
        delayMs: 50,
        workers,
        inFlight: null,
        share: 0.2,
        isMiddleOnly: true,
      })) as Scenario["run"],
  })),
  {
    name: "memory",
    title: "memory with 1,000,000 rows due",
    isQuick: false,
    only: ["oncebox"],
    gigabytes: 5,
    run: memoryWithMuchDue,
  },
  {
    name: "soak",
    title: "memory under steady load, 100 leads a second",
    isQuick: false,
    isOnce: true,
    only: ["oncebox"],
    run: soak,
  },
  { name: "start", title: "start, cold", isQuick: true, only: ["oncebox"], run: measureStart },
];

export const LIMITS: readonly Limit[] = [
  { scenario: "register", title: "limit: one insert (pgbench)", isQuick: true, run: insertsAlone },
  { scenario: "drain", title: "limit: claims singly (pgbench)", isQuick: false, run: claimsSingly },
  {
    scenario: "drain",
    title: "limit: claims of 500 (pgbench)",
    isQuick: false,
    run: claimsInBatches,
  },
  { scenario: "drain", title: "limit: POSTs alone", isQuick: true, run: postsAlone },
];
