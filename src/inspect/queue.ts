import { type Kysely, sql } from "kysely";
import type { ChannelName } from "../outbox/notification.ts";

/** What waits on one channel. */
interface ChannelQueue {
  readonly channel: ChannelName;
  /** Pending, due by now, and not held. */
  readonly due: number;
  readonly claimed: number;
  readonly unknown: number;
  readonly held: number;
  /** Null = nothing is due. */
  readonly oldestDueSeconds: number | null;
  /** Since the last attempt of the oldest one in doubt began; null = nothing is. */
  readonly oldestUnknownSeconds: number | null;
  readonly isPaused: boolean;
  /** What is left on the provider's account; null = it was never read. */
  readonly balance: number | null;
  readonly currency: string | null;
}

export interface Queue {
  readonly channels: readonly ChannelQueue[];
  /** Since a worker last swept, to five seconds; null = none ever did. */
  readonly sweptSecondsAgo: number | null;
  /** Workers whose lock is held now. */
  readonly workers: number;
  /** By whomever, since the first one. */
  readonly notificationsMade: number;
}

/** What waits, and who is at work: cheap enough for every scrape, however many rows are final. */
export async function readQueue(db: Kysely<unknown>): Promise<Queue> {
  const { rows } = await sql<ChannelQueue & Omit<Queue, "channels">>`
    select q.channel, q.due::integer as due, q.claimed::integer as claimed, q.unknown::integer as unknown,
           q.held::integer as held,
           extract(epoch from now() - q.oldest_due_at)::float8 as "oldestDueSeconds",
           extract(epoch from now() - q.oldest_unknown_at)::float8 as "oldestUnknownSeconds",
           q.paused_until is not null as "isPaused",
           q.balance::float8 as balance, q.balance_currency as currency,
           extract(epoch from now() - p.last_sweep_at)::float8 as "sweptSecondsAgo",
           p.workers_alive::integer as workers, p.notifications_made::float8 as "notificationsMade"
      from oncebox.queue as q
     cross join oncebox.pulse as p
     order by q.channel`.execute(db);
  const [first] = rows;
  if (first === undefined) throw new TypeError("oncebox.queue answered no row");
  const { sweptSecondsAgo, workers, notificationsMade } = first;
  return { channels: rows, sweptSecondsAgo, workers, notificationsMade };
}
