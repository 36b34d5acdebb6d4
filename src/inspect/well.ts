import type { Overview } from "./overview.ts";

/** Why it is not well, for a page to say in its reader's language. */
export interface Reason {
  /** `bad`: somebody should look now. */
  readonly severity: "bad" | "warn";
  readonly code: string;
  readonly values: Readonly<Record<string, string | number | Date | null>>;
}

/** Due for longer than that on an open channel = something is stuck. */
const LATE_MS = 60_000;
/** The provider is asked for about that long before a person has to decide. */
const DOUBT_MS = 15 * 60_000;
/** Sweep leaves its mark every five seconds. */
const SWEEP_MS = 60_000;

/** Everything that is not as it should be, the worst first; none = all is well. */
export function judge(overview: Overview): Reason[] {
  const reasons = [
    ...judgeWorkers(overview),
    ...overview.queue.flatMap((it) => [
      ...judgePause(it),
      ...judgeQueue(it, overview.at),
      ...judgeDoubt(it, overview.at),
      ...judgeBalance(it),
    ]),
    ...judgeDelivery(overview),
  ];
  return reasons.toSorted((a, b) => Number(b.severity === "bad") - Number(a.severity === "bad"));
}

function judgeWorkers({ workers, lastSweepAt, at }: Overview): Reason[] {
  if (workers.length === 0) return [{ severity: "bad", code: "no_worker", values: {} }];
  const sweptAgoMs = lastSweepAt === null ? null : at.getTime() - lastSweepAt.getTime();
  if (sweptAgoMs !== null && sweptAgoMs < SWEEP_MS) return [];
  const seconds = sweptAgoMs === null ? null : Math.round(sweptAgoMs / 1_000);
  return [{ severity: "bad", code: "no_sweep", values: { seconds } }];
}

type Queue = Overview["queue"][number];

function judgePause({ channel, pausedUntil, pauseReason }: Queue): Reason[] {
  if (pausedUntil === null) return [];
  return [
    {
      severity: "bad",
      code: "channel_paused",
      values: { channel, reason: pauseReason, until: pausedUntil },
    },
  ];
}

function judgeQueue({ channel, due, held, oldestDueAt, pausedUntil }: Queue, at: Date): Reason[] {
  const reasons: Reason[] = [];
  if (held > 0) reasons.push({ severity: "bad", code: "held", values: { channel, count: held } });
  const lateMs = oldestDueAt === null ? 0 : at.getTime() - oldestDueAt.getTime();
  if (pausedUntil === null && lateMs > LATE_MS) {
    const values = { channel, count: due, oldest_due_at: oldestDueAt };
    reasons.push({ severity: "bad", code: "overdue", values });
  }
  return reasons;
}

function judgeDoubt({ channel, unknown, oldestUnknownAt }: Queue, at: Date): Reason[] {
  if (unknown === 0) return [];
  const ageMs = oldestUnknownAt === null ? 0 : at.getTime() - oldestUnknownAt.getTime();
  return [
    {
      severity: ageMs > DOUBT_MS ? "bad" : "warn",
      code: "in_doubt",
      values: { channel, count: unknown, oldest_at: oldestUnknownAt },
    },
  ];
}

function judgeBalance({ channel, balance, balanceCurrency, balanceLowAt }: Queue): Reason[] {
  if (balanceLowAt === null) return [];
  return [
    {
      severity: "warn",
      code: "balance_low",
      values: { channel, balance, currency: balanceCurrency },
    },
  ];
}

function judgeDelivery({ undelivered }: Overview): Reason[] {
  if (undelivered === 0) return [];
  return [{ severity: "warn", code: "undelivered", values: { count: undelivered } }];
}
