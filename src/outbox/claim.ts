import { type Kysely, sql } from "kysely";
import type { ChannelName, NotificationId } from "./notification.ts";
import type { OutgoingMessage } from "./outcome.ts";
import type { History } from "./policy.ts";

/** What a wake-up came to. `null` from `claim` = nothing to do: another holds it, it is not due, or it is final. */
export type Claim =
  | {
      readonly verdict: "claimed";
      readonly leadId: string;
      readonly channel: ChannelName;
      readonly message: OutgoingMessage;
      readonly history: History;
      readonly dueAt: Date;
    }
  | {
      readonly verdict: "already_sent" | "expired" | "paused" | "throttled" | "held";
      readonly leadId: string;
      readonly channel: ChannelName;
    };

interface ClaimRow {
  readonly notification_id: NotificationId;
  readonly verdict: Claim["verdict"] | "busy";
  readonly attempt: number;
  readonly lead_id: string;
  readonly channel: ChannelName;
  readonly recipient: string;
  readonly subject: string | null;
  readonly body: string | null;
  readonly reference: string;
  readonly campaign_id: string | null;
  readonly message_id: string | null;
  readonly failures: number;
  readonly pauses: number;
  readonly due_at: Date;
}

export interface ClaimRequest {
  readonly notificationId: NotificationId;
  readonly workerId: string;
  /** A uuid of this claim's own: the same request again answers the same claim. */
  readonly token: string;
  readonly leaseMs: number;
  readonly sendTimeoutMs: number;
  /** Sends that may start, by all workers together; null = as many as come. */
  readonly perSecond: number | null;
  /** Whether the channel commits a draft before the one call that cannot be taken back. */
  readonly twoStep: boolean;
}

/**
 * Takes the sole right to make the next attempt at each; committed when it returns. Safe to repeat
 * with the same tokens when the connection broke and nobody knows. See `sql/functions/claim_each.sql`.
 *
 * @param requests - Of one worker, with the same times.
 * @returns One answer a request, in order; undefined = somebody holds its rows just now.
 */
export async function claimEach(
  db: Kysely<unknown>,
  requests: readonly ClaimRequest[],
): Promise<(Claim | null | undefined)[]> {
  const [first] = requests;
  if (first === undefined) return [];
  const { rows } = await sql<ClaimRow>`
    select * from oncebox.claim_each(
      ${requests.map((it) => it.notificationId)}::bigint[], ${first.workerId}::uuid,
      ${requests.map((it) => it.token)}::uuid[],
      ${`${first.leaseMs} milliseconds`}::interval, ${`${first.sendTimeoutMs} milliseconds`}::interval,
      ${requests.map((it) => it.perSecond)}::numeric[], ${requests.map((it) => it.twoStep)}::boolean[])`.execute(
    db,
  );
  const claims = new Map(rows.map((it) => [it.notification_id, toClaim(it)]));
  return requests.map(({ notificationId }) =>
    claims.has(notificationId) ? claims.get(notificationId) : null,
  );
}

/** `claimEach` for one, and what somebody holds is waited for. See `sql/functions/claim.sql`. */
export async function claim(db: Kysely<unknown>, request: ClaimRequest): Promise<Claim | null> {
  const { rows } = await sql<ClaimRow>`
    select ${request.notificationId}::bigint as notification_id, c.* from oncebox.claim(
      ${request.notificationId}::bigint, ${request.workerId}::uuid, ${request.token}::uuid,
      ${`${request.leaseMs} milliseconds`}::interval, ${`${request.sendTimeoutMs} milliseconds`}::interval,
      ${request.perSecond}::numeric, ${request.twoStep}::boolean) as c`.execute(db);
  const row = rows[0];
  return row === undefined ? null : (toClaim(row) ?? null);
}

function toClaim(row: ClaimRow): Claim | undefined {
  if (row.verdict === "busy") return undefined;
  if (row.verdict !== "claimed")
    return { verdict: row.verdict, leadId: row.lead_id, channel: row.channel };
  return {
    verdict: "claimed",
    leadId: row.lead_id,
    channel: row.channel,
    message: {
      notificationId: row.notification_id,
      attempt: row.attempt,
      recipient: row.recipient,
      subject: row.channel === "email" ? (row.subject ?? "") : null,
      body: row.body ?? "",
      reference: row.reference,
      draft:
        row.campaign_id === null || row.message_id === null
          ? null
          : { campaignId: row.campaign_id, messageId: row.message_id },
    },
    history: { failures: row.failures, pauses: row.pauses },
    dueAt: row.due_at,
  };
}
