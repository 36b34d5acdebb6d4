import { type Kysely, sql } from "kysely";
import type { ChannelName } from "../outbox/notification.ts";

/** What waits on one channel, and whether it is open. */
interface ChannelQueue {
  readonly channel: ChannelName;
  readonly due: number;
  readonly claimed: number;
  readonly unknown: number;
  readonly held: number;
  readonly oldestDueAt: Date | null;
  readonly oldestUnknownAt: Date | null;
  /** Null = open. In the past = one claim at a time may try whether it is well again. */
  readonly pausedUntil: Date | null;
  readonly pauseReason: string | null;
  readonly balance: string | null;
  readonly balanceCurrency: string | null;
  readonly balanceAt: Date | null;
  /** Since when it is below MOBIZON_BALANCE_WARN; null = it is not. */
  readonly balanceLowAt: Date | null;
  /** What the provider last charged for a part of an SMS; null = it has not told. */
  readonly segmentPrice: number | null;
}

interface Minute {
  readonly minute: Date;
  readonly channel: ChannelName;
  readonly sent: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly lagP50Ms: number | null;
  readonly lagP99Ms: number | null;
}

interface MinuteAhead {
  readonly minute: Date;
  readonly channel: ChannelName;
  readonly pending: number;
}

interface WorkerView {
  readonly id: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: Date;
  readonly claims: number;
  readonly oldestLeaseUntil: Date | null;
}

interface ClaimView {
  readonly notificationId: string;
  readonly leadId: string;
  readonly channel: ChannelName;
  readonly attempt: number;
  readonly workerId: string;
  readonly startedAt: Date | null;
  readonly leaseUntil: Date;
}

interface Prevented {
  readonly how: "already_sent" | "repeated" | "found_sent";
  readonly channel: ChannelName;
  readonly messages: number;
  /** What they would have been paid as; null for email. */
  readonly segments: number | null;
}

/** Is it well, what is it doing, and what is ahead? No person's data. */
export interface Overview {
  readonly at: Date;
  readonly queue: readonly ChannelQueue[];
  /** The last hour; minutes without any are not there. */
  readonly minutes: readonly Minute[];
  /** The next hour; minutes without any are not there. */
  readonly ahead: readonly MinuteAhead[];
  /** Those that are alive. */
  readonly workers: readonly WorkerView[];
  /** What they hold, the oldest first, at most 50. */
  readonly claims: readonly ClaimView[];
  readonly prevented: readonly Prevented[];
  /** SMS of the last 24 hours that did not reach their phone. */
  readonly undelivered: number;
  /** Null = none ever did. */
  readonly lastSweepAt: Date | null;
}

/** Reads what is not over and what was in the last hour, by index: as fast with a million final rows. */
export async function readOverview(db: Kysely<unknown>): Promise<Overview> {
  const at = new Date();
  const [queue, minutes, ahead, workers, claims, prevented, undelivered, sweep] = await Promise.all(
    [
      sql<ChannelQueue>`
      select channel, due::integer as due, claimed::integer as claimed, unknown::integer as unknown,
             held::integer as held, oldest_due_at as "oldestDueAt", oldest_unknown_at as "oldestUnknownAt",
             paused_until as "pausedUntil", pause_reason as "pauseReason",
             balance, balance_currency as "balanceCurrency", balance_at as "balanceAt",
             balance_low_at as "balanceLowAt", segment_price::float8 as "segmentPrice"
        from oncebox.queue
       order by channel desc`.execute(db),
      sql<Minute>`
      select minute, channel, sent::integer as sent, failed::integer as failed, cancelled::integer as cancelled,
             (extract(epoch from lag_p50) * 1000)::float8 as "lagP50Ms",
             (extract(epoch from lag_p99) * 1000)::float8 as "lagP99Ms"
        from oncebox.last_hour
       order by minute, channel`.execute(db),
      sql<MinuteAhead>`
      select minute, channel, pending::integer as pending from oncebox.next_hour order by minute`.execute(
        db,
      ),
      sql<WorkerView>`
      select id, pid, version, started_at as "startedAt", claims::integer as claims,
             oldest_lease_until as "oldestLeaseUntil"
        from oncebox.workers
       where is_present
       order by started_at`.execute(db),
      sql<ClaimView>`
      select notification_id::text as "notificationId", lead_id as "leadId", channel, attempt,
             worker_id as "workerId", started_at as "startedAt", lease_until as "leaseUntil"
        from oncebox.claims
       order by started_at
       limit 50`.execute(db),
      sql<Prevented>`
      select how, channel, messages::integer as messages, segments::integer as segments from oncebox.prevented`.execute(
        db,
      ),
      sql<{ count: number }>`
      select count(*)::integer as count from oncebox.undelivered where delivery_at > now() - interval '24 hours'`.execute(
        db,
      ),
      sql<{ at: Date | null }>`select last_sweep_at as at from oncebox.pulse`.execute(db),
    ],
  );
  return {
    at,
    queue: queue.rows,
    minutes: minutes.rows,
    ahead: ahead.rows,
    workers: workers.rows,
    claims: claims.rows,
    prevented: prevented.rows,
    undelivered: undelivered.rows[0]?.count ?? 0,
    lastSweepAt: sweep.rows[0]?.at ?? null,
  };
}
