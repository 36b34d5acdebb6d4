import { type Kysely, sql } from "kysely";
import type { ChannelName, State } from "../outbox/notification.ts";

/** One notification as it may be shown: the recipient is masked, the texts are left out. */
export interface NotificationView {
  readonly id: string;
  readonly leadId: string;
  readonly channel: ChannelName;
  readonly kind: string;
  /** Masked. */
  readonly recipient: string;
  readonly state: State;
  readonly stateReason: string | null;
  /** Not sent before a comparison: the database is another one than it was. */
  readonly isHeld: boolean;
  readonly attempt: number;
  readonly dueAt: Date;
  readonly settledAt: Date | null;
  readonly campaignId: string | null;
  readonly providerRef: string | null;
  readonly delivery: string | null;
}

export interface AttemptView {
  readonly attempt: number;
  readonly startedAt: Date;
  /** From here on it may have gone out; null = provably nothing irreversible was tried. */
  readonly sendingAt: Date | null;
  readonly endedAt: Date | null;
  readonly outcome: string | null;
  readonly code: string | null;
  readonly detail: string | null;
}

/** One question to the provider about an outcome in doubt. */
export interface LookupView {
  readonly attempt: number;
  readonly at: Date;
  readonly finding: string;
  /** What followed from it. */
  readonly verdict: string;
  readonly detail: string | null;
}

export interface NotificationFilter {
  readonly state?: State | undefined;
  readonly channel?: ChannelName | undefined;
  readonly leadId?: string | undefined;
  /** Only those that are held. */
  readonly held?: boolean | undefined;
  /** Only those that are older than this one. */
  readonly before?: string | undefined;
  /** At most this many, the newest first. */
  readonly limit: number;
}

const COLUMNS = sql`
  id::text as id, lead_id as "leadId", channel, kind, recipient, state, state_reason as "stateReason",
  is_held as "isHeld", attempt, due_at as "dueAt", settled_at as "settledAt", campaign_id as "campaignId",
  provider_ref as "providerRef", delivery`;

export async function listNotifications(
  db: Kysely<unknown>,
  { state, channel, leadId, held, before, limit }: NotificationFilter,
): Promise<NotificationView[]> {
  const { rows } = await sql<NotificationView>`
    select ${COLUMNS}
      from oncebox.notifications
     where (${state ?? null}::text is null or state = ${state ?? null})
       and (${channel ?? null}::text is null or channel = ${channel ?? null})
       and (${leadId ?? null}::uuid is null or lead_id = ${leadId ?? null}::uuid)
       and (${held !== true} or is_held)
       and (${before ?? null}::bigint is null or id < ${before ?? null}::bigint)
     order by notifications.id desc
     limit ${limit}`.execute(db);
  return rows;
}

export async function findNotification(
  db: Kysely<unknown>,
  id: string,
): Promise<NotificationView | null> {
  const { rows } = await sql<NotificationView>`
    select ${COLUMNS} from oncebox.notifications where id = ${id}::bigint`.execute(db);
  return rows[0] ?? null;
}

/** Every try of one notification, the first one first. */
export async function listAttempts(
  db: Kysely<unknown>,
  notificationId: string,
): Promise<AttemptView[]> {
  const { rows } = await sql<AttemptView>`
    select attempt, started_at as "startedAt", sending_at as "sendingAt", ended_at as "endedAt",
           outcome, code, detail
      from oncebox.attempts
     where notification_id = ${notificationId}::bigint
     order by attempt`.execute(db);
  return rows;
}

/** Every question to the provider about one notification, the first one first. */
export async function listLookups(
  db: Kysely<unknown>,
  notificationId: string,
): Promise<LookupView[]> {
  const { rows } = await sql<LookupView>`
    select attempt, at, finding, verdict, detail
      from oncebox.lookups
     where notification_id = ${notificationId}::bigint
     order by at`.execute(db);
  return rows;
}
