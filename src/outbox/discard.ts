import { type Kysely, sql } from "kysely";
import { type ChannelName, type NotificationId, parseNotificationId } from "./notification.ts";
import type { LeftDrafts } from "./outcome.ts";

/** A final notification whose attempts may have left drafts at the provider. */
export interface Discard {
  readonly notificationId: NotificationId;
  readonly channel: ChannelName;
  readonly left: LeftDrafts;
}

/** Takes up to `atMost` of them on these channels; nobody else gets them for ten minutes. See `sql/functions/take_discards.sql`. */
export async function takeDiscards(
  db: Kysely<unknown>,
  channels: readonly ChannelName[],
  atMost: number,
): Promise<Discard[]> {
  const { rows } = await sql<{
    notification_id: string;
    channel: ChannelName;
    recipient: string;
    reference: string;
    campaign_id: string | null;
  }>`select * from oncebox.take_discards(${channels}::text[], ${atMost}::integer)`.execute(db);
  return rows.map((row) => ({
    notificationId: parseNotificationId(row.notification_id),
    channel: row.channel,
    left: { recipient: row.recipient, reference: row.reference, keptCampaignId: row.campaign_id },
  }));
}

/** Writes down that no draft of this notification is left. */
export async function discarded(
  db: Kysely<unknown>,
  notificationId: NotificationId,
): Promise<void> {
  await sql`select oncebox.discarded(${notificationId}::bigint)`.execute(db);
}
