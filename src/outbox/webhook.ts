import { type Kysely, sql } from "kysely";

/** A delivery webhook of Mobizon's whose signature was right. Never the number it was for. */
export interface WebhookEvent {
  /** The same on every attempt. */
  readonly eventId: number;
  /** The provider's count, from 1 to 10. */
  readonly attempt: number;
  /** As the provider wrote it. */
  readonly created: string;
  readonly messageId: string;
  readonly campaignId: string | null;
  /** A hint: the signature does not cover it. */
  readonly status: string | null;
}

/**
 * - `taken`     the provider is asked about it now
 * - `kept`      of a message that is not followed: not known yet, ended, or not ours
 * - `repeated`  it came before: no effect
 */
export type WebhookVerdict = "taken" | "kept" | "repeated";

/** Keeps a webhook, once for ever, and has the provider asked about its message soon. See `sql/functions/take_webhook.sql`. */
export async function takeWebhook(
  db: Kysely<unknown>,
  { eventId, attempt, created, messageId, campaignId, status }: WebhookEvent,
): Promise<WebhookVerdict> {
  const { rows } = await sql<{ verdict: WebhookVerdict }>`
    select oncebox.take_webhook(
      'mobizon', ${eventId}::bigint, ${attempt}::integer, ${created}, ${messageId}, ${campaignId}, ${status}) as verdict`.execute(
    db,
  );
  const [row] = rows;
  if (row === undefined) throw new TypeError("oncebox.take_webhook answered no row");
  return row.verdict;
}
