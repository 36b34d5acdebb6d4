import { type Kysely, sql } from "kysely";
import { type ChannelName, type NotificationId, parseNotificationId } from "./notification.ts";
import type { Finding, LookupKey } from "./outcome.ts";

/** One whose provider is to be asked. */
export interface Doubt {
  readonly notificationId: NotificationId;
  readonly attempt: number;
  readonly channel: ChannelName;
  readonly key: LookupKey;
}

/** What followed from a lookup; null when the row had moved on meanwhile. */
export type Verdict = "sent" | "failed" | "pending" | "already_sent" | "later";

/** Takes up to `atMost` of those in doubt on these channels; nobody else gets them for two minutes. */
export async function takeLookups(
  db: Kysely<unknown>,
  channels: readonly ChannelName[],
  atMost: number,
): Promise<Doubt[]> {
  const { rows } = await sql<{
    notification_id: string;
    attempt: number;
    channel: ChannelName;
    recipient: string;
    reference: string;
    campaign_id: string | null;
    message_id: string | null;
  }>`select * from oncebox.take_lookups(${channels}::text[], ${atMost}::integer)`.execute(db);
  return rows.map((row) => ({
    notificationId: parseNotificationId(row.notification_id),
    attempt: row.attempt,
    channel: row.channel,
    key: {
      recipient: row.recipient,
      reference: row.reference,
      draft:
        row.campaign_id === null || row.message_id === null
          ? null
          : { campaignId: row.campaign_id, messageId: row.message_id },
    },
  }));
}

/**
 * Writes down what a lookup found and moves the row if that decides it.
 *
 * @param finding - `repeat`: the provider cannot be asked, and the settings say to send again.
 */
export async function reconcile(
  db: Kysely<unknown>,
  { notificationId, attempt }: Doubt,
  workerId: string,
  finding: Finding | { readonly kind: "repeat" },
): Promise<Verdict | null> {
  const sent = finding.kind === "sent" ? finding : null;
  const detail = "detail" in finding ? `${finding.code}: ${finding.detail}` : null;
  const { rows } = await sql<{ verdict: Verdict | null }>`
    select oncebox.reconcile(
      notification_id => ${notificationId}::bigint,
      attempt         => ${attempt}::integer,
      worker_id       => ${workerId}::uuid,
      finding         => ${finding.kind}::text,
      detail          => ${detail}::text,
      provider_ref    => ${sent?.providerRef ?? null}::text,
      campaign_id     => ${sent?.campaignId ?? null}::text,
      delivery        => ${sent?.delivery ?? null}::text) as verdict`.execute(db);
  return rows[0]?.verdict ?? null;
}
