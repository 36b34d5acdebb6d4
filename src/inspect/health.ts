import { type Kysely, sql } from "kysely";
import type { ChannelName } from "../outbox/notification.ts";

interface PausedChannel {
  readonly channel: ChannelName;
  readonly until: Date;
  readonly reason: string;
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
  /** By how much the last sweep is over; null = none ever ran. */
  readonly sweptAgoMs: number | null;
}

export async function readHealth(db: Kysely<unknown>): Promise<Health> {
  const { rows } = await sql<
    Omit<Health, "pausedChannels"> & {
      paused: Record<ChannelName, { until: string; reason: string | null }>;
    }
  >`
    select h.due::integer as due, h.unknown::integer as unknown, h.oldest_unknown_at as "oldestUnknownAt",
           h.set_aside::integer as "setAside", h.paused_channels as paused,
           (extract(epoch from now() - h.last_sweep_at) * 1000)::float8 as "sweptAgoMs",
           h.workers_alive::integer as workers
      from oncebox.health as h`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new TypeError("oncebox.health answered no row");
  const { paused, ...health } = row;
  return {
    ...health,
    pausedChannels: Object.entries(paused).map(([channel, { until, reason }]) => ({
      channel: channel as ChannelName,
      until: new Date(until),
      reason: reason ?? "",
    })),
  };
}
