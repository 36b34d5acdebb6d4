import { type Kysely, sql } from "kysely";
import type { ChannelName } from "../outbox/notification.ts";

interface PausedChannel {
  readonly channel: ChannelName;
  readonly until: Date;
  readonly reason: string;
}

interface AccountBalance {
  /** A decimal number. */
  readonly balance: string;
  readonly currency: string;
  readonly at: Date;
  /** Since when it is too low; null = it is not. */
  readonly lowSince: Date | null;
}

export interface Health {
  readonly due: number;
  readonly unknown: number;
  readonly oldestUnknownAt: Date | null;
  /** Three workers in a row died with it: a person has to look. */
  readonly setAside: number;
  readonly pausedChannels: readonly PausedChannel[];
  /** Workers whose lock is held now. */
  readonly workers: number;
  /** SMS that did not reach their phone, of which we learnt within the last 24 hours. */
  readonly undeliveredOfLate: number;
  /** SMS that wait for the provider's moderator. */
  readonly inModeration: number;
  /** When the provider is to be asked next how far an SMS got; null = none is followed. */
  readonly nextLookAt: Date | null;
  /** Null = it was never read. */
  readonly smsBalance: AccountBalance | null;
  /** By how much the last sweep is over; null = none ever ran. */
  readonly sweptAgoMs: number | null;
}

export async function readHealth(db: Kysely<unknown>): Promise<Health> {
  const { rows } = await sql<
    Omit<Health, "pausedChannels" | "smsBalance"> & {
      balance: string | null;
      currency: string;
      balanceAt: Date;
      lowSince: Date | null;
      paused: Record<ChannelName, { until: string; reason: string | null }>;
    }
  >`
    select h.due::integer as due, h.unknown::integer as unknown, h.oldest_unknown_at as "oldestUnknownAt",
           h.set_aside::integer as "setAside", h.undelivered_24h::integer as "undeliveredOfLate",
           h.in_moderation::integer as "inModeration", h.oldest_delivery_look_at as "nextLookAt",
           h.sms_balance::text as balance, h.sms_balance_currency as currency,
           h.sms_balance_at as "balanceAt", h.sms_balance_low_at as "lowSince", h.paused_channels as paused,
           (extract(epoch from now() - h.last_sweep_at) * 1000)::float8 as "sweptAgoMs",
           h.workers_alive::integer as workers
      from oncebox.health as h`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new TypeError("oncebox.health answered no row");
  const { paused, balance, currency, balanceAt, lowSince, ...health } = row;
  return {
    ...health,
    smsBalance: balance === null ? null : { balance, currency, at: balanceAt, lowSince },
    pausedChannels: Object.entries(paused).map(([channel, { until, reason }]) => ({
      channel: channel as ChannelName,
      until: new Date(until),
      reason: reason ?? "",
    })),
  };
}
