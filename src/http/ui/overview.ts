import { type Overview, readOverview } from "../../inspect/overview.ts";
import { judge } from "../../inspect/well.ts";
import type { Database } from "../database.ts";
import { toSnake } from "../snake.ts";

/** What the overview page shows; see `Overview`. */
export async function overviewPage({ db }: Pick<Database, "db">): Promise<unknown> {
  const overview = await readOverview(db);
  const reasons = judge(overview);
  return toSnake({
    at: overview.at,
    isWell: reasons.length === 0,
    reasons,
    queue: totalOf(overview),
    ahead: aheadOf(overview),
    minutes: minutesOf(overview),
    workers: overview.workers,
    claims: overview.claims,
    channels: overview.queue.map((it) => ({
      channel: it.channel,
      state: stateOf(it, overview.at),
      pausedUntil: it.pausedUntil,
      pauseReason: it.pauseReason,
      due: it.due,
      claimed: it.claimed,
      unknown: it.unknown,
      balance: it.balance,
      balanceCurrency: it.balanceCurrency,
      balanceAt: it.balanceAt,
      balanceIsLow: it.balanceLowAt !== null,
    })),
    prevented: preventedOf(overview),
    lastSweepAt: overview.lastSweepAt,
  });
}

type Queue = Overview["queue"][number];

function stateOf({ pausedUntil }: Queue, at: Date): "open" | "paused" | "trying" {
  if (pausedUntil === null) return "open";
  return pausedUntil > at ? "paused" : "trying";
}

function totalOf({ queue }: Overview) {
  const sum = (count: (it: Queue) => number) => queue.reduce((total, it) => total + count(it), 0);
  const first = (time: (it: Queue) => Date | null) =>
    queue
      .map(time)
      .filter((it) => it !== null)
      .sort((a, b) => a.getTime() - b.getTime())[0] ?? null;
  return {
    due: sum((it) => it.due),
    claimed: sum((it) => it.claimed),
    unknown: sum((it) => it.unknown),
    held: sum((it) => it.held),
    oldestDueAt: first((it) => it.oldestDueAt),
    oldestUnknownAt: first((it) => it.oldestUnknownAt),
  };
}

const MINUTES = 60;
const MINUTE_MS = 60_000;

/** Every minute from the first one on, those without anything too. */
function minutesFrom(first: Date): Date[] {
  return Array.from(
    { length: MINUTES },
    (_, index) => new Date(first.getTime() + index * MINUTE_MS),
  );
}

function startOfMinute(at: Date): number {
  return at.getTime() - (at.getTime() % MINUTE_MS);
}

function aheadOf({ at, ahead }: Overview) {
  return minutesFrom(new Date(startOfMinute(at))).map((minute) => {
    const of = (channel: string) =>
      ahead.find((it) => it.channel === channel && it.minute.getTime() === minute.getTime())
        ?.pending ?? 0;
    return { minute, sms: of("sms"), email: of("email") };
  });
}

function minutesOf({ at, minutes }: Overview) {
  return minutesFrom(new Date(startOfMinute(at) - (MINUTES - 1) * MINUTE_MS)).map((minute) => {
    const rows = minutes.filter((it) => it.minute.getTime() === minute.getTime());
    const sentOn = (channel: string) => rows.find((it) => it.channel === channel)?.sent ?? 0;
    return {
      minute,
      smsSent: sentOn("sms"),
      emailSent: sentOn("email"),
      failed: rows.reduce((sum, it) => sum + it.failed, 0),
      cancelled: rows.reduce((sum, it) => sum + it.cancelled, 0),
      lagP50Ms: largest(rows.map((it) => it.lagP50Ms)),
      lagP99Ms: largest(rows.map((it) => it.lagP99Ms)),
    };
  });
}

/** Of the channels the slower one. */
function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((it) => it !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function preventedOf({ prevented, queue }: Overview) {
  const sms = queue.find((it) => it.channel === "sms");
  const segments = prevented.reduce((sum, it) => sum + (it.segments ?? 0), 0);
  const price = sms?.segmentPrice ?? null;
  const count = (how: string) =>
    prevented.filter((it) => it.how === how).reduce((sum, it) => sum + it.messages, 0);
  return {
    total: prevented.reduce((sum, it) => sum + it.messages, 0),
    alreadySent: count("already_sent"),
    repeated: count("repeated"),
    foundSent: count("found_sent"),
    // Without a price nobody knows what they would have cost.
    saved: price === null ? null : segments * price,
    currency: price === null ? null : (sms?.balanceCurrency ?? null),
  };
}
