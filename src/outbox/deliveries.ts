import { type Kysely, sql } from "kysely";
import { type ChannelName, type NotificationId, parseNotificationId } from "./notification.ts";
import type { DeliveryReport, FollowKey } from "./outcome.ts";

/** An SMS that is followed to the phone. */
export interface Followed {
  readonly notificationId: NotificationId;
  readonly key: FollowKey;
}

/** One of which the provider told something new. */
export interface Delivered {
  readonly notificationId: NotificationId;
  readonly leadId: string;
  readonly delivery: string;
}

/** Takes up to `atMost` of those whose time has come; nobody else gets them for two minutes. See `sql/functions/take_deliveries.sql`. */
export async function takeDeliveries(
  db: Kysely<unknown>,
  channel: ChannelName,
  atMost: number,
): Promise<Followed[]> {
  const { rows } = await sql<{
    notification_id: string;
    message_id: string;
    campaign_id: string | null;
  }>`select * from oncebox.take_deliveries(${channel}, ${atMost}::integer)`.execute(db);
  return rows.map((row) => ({
    notificationId: parseNotificationId(row.notification_id),
    key: { messageId: row.message_id, campaignId: row.campaign_id },
  }));
}

/**
 * Writes down what the provider told of those that were asked for, and when each is asked for again.
 *
 * @param asked - All of them: of which it told nothing is asked again.
 * @returns Those that got further.
 */
export async function noteDeliveries(
  db: Kysely<unknown>,
  asked: readonly Followed[],
  reports: readonly DeliveryReport[],
): Promise<Delivered[]> {
  const told = new Map(reports.map((it) => [it.messageId, it]));
  const notes = asked.map(({ notificationId, key }) => {
    const { delivery, detail, segments, price } = told.get(key.messageId) ?? {};
    return { id: notificationId, delivery, detail, segments, price };
  });
  const { rows } = await sql<{ notification_id: string; lead_id: string; delivery: string }>`
    select * from oncebox.note_deliveries(${JSON.stringify(notes)}::jsonb)`.execute(db);
  return rows.map((row) => ({
    notificationId: parseNotificationId(row.notification_id),
    leadId: row.lead_id,
    delivery: row.delivery,
  }));
}
