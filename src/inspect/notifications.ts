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
  /** How far the provider says that an SMS got; see `docs/delivery.md`. */
  readonly delivery: string | null;
  /** The name by which the provider's record of it is recognised. */
  readonly reference: string;
  /** When we learnt of it. */
  readonly deliveryAt: Date | null;
  /** Of one that was declined: the moderator's words. */
  readonly deliveryDetail: string | null;
  /** When the provider is asked next; null = it is final, or was given up. */
  readonly deliveryLookAt: Date | null;
  /** Given up: the provider never said how it ended. */
  readonly hasNoReport: boolean;
  readonly segments: number | null;
  /** A decimal number in the account's currency; null = the provider has not told. */
  readonly cost: string | null;
}

/** What `notifications list --delivery` takes: a word of the provider's, or all that did not arrive. */
export const DELIVERIES = [
  ...["undelivered", "moderation", "NEW", "ENQUEUD", "ACCEPTD", "PDLIVRD", "DELIVRD"],
  ...["UNDELIV", "REJECTD", "EXPIRED", "DELETED", "DECLINED"],
] as const;

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
interface LookupView {
  readonly attempt: number;
  readonly at: Date;
  readonly finding: string;
  /** What followed from it. */
  readonly verdict: string;
  readonly detail: string | null;
}

/** A notification with everything that was tried and asked for it. */
export interface NotificationWithTries extends NotificationView {
  readonly attempts: readonly AttemptView[];
  readonly lookups: readonly LookupView[];
}

export interface NotificationFilter {
  readonly state?: State | undefined;
  readonly channel?: ChannelName | undefined;
  readonly leadId?: string | undefined;
  /** One of `DELIVERIES`. */
  readonly delivery?: string | undefined;
  /** Only those that are held. */
  readonly held?: boolean | undefined;
  /** Only these. */
  readonly ids?: readonly string[] | undefined;
  /** By when they were made. Default `newest`. */
  readonly order?: "newest" | "oldest" | undefined;
  /** Those that follow this one. */
  readonly cursor?: string | undefined;
  /** At most this many. */
  readonly limit: number;
}

const COLUMNS = sql`
  id::text as id, lead_id as "leadId", channel, kind, recipient, state, state_reason as "stateReason",
  is_held as "isHeld", attempt, due_at as "dueAt", settled_at as "settledAt", campaign_id as "campaignId",
  provider_ref as "providerRef", delivery, delivery_at as "deliveryAt", delivery_detail as "deliveryDetail",
  delivery_look_at as "deliveryLookAt", has_no_report as "hasNoReport", segments, cost::text as cost, reference`;

export async function listNotifications(
  db: Kysely<unknown>,
  filter: NotificationFilter,
): Promise<NotificationView[]> {
  const { order = "newest", cursor, limit } = filter;
  const follows =
    order === "newest" ? sql`id < ${cursor ?? null}::bigint` : sql`id > ${cursor ?? null}::bigint`;
  const { rows } = await sql<NotificationView>`
    select ${COLUMNS}
      from oncebox.notifications
     where ${matches(filter)}
       and (${cursor ?? null}::bigint is null or ${follows})
     order by notifications.id ${order === "newest" ? sql`desc` : sql`asc`}
     limit ${limit}`.execute(db);
  return rows;
}

/** In words that the index of undelivered ones has, too. */
function deliveryIs(delivery: string) {
  if (delivery === "undelivered")
    return sql`delivery in ('UNDELIV', 'REJECTD', 'EXPIRED', 'DELETED', 'DECLINED')`;
  return sql`delivery = ${delivery}`;
}

/** How many there are on all pages. */
export async function countNotifications(
  db: Kysely<unknown>,
  filter: Omit<NotificationFilter, "limit">,
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::float8 as count from oncebox.notifications where ${matches(filter)}`.execute(
    db,
  );
  return rows[0]?.count ?? 0;
}

/** Only what is asked for is in the statement, so that the planner may use the index of a state. */
function matches({
  state,
  channel,
  leadId,
  held,
  delivery,
  ids,
}: Omit<NotificationFilter, "limit">) {
  const conditions = [
    ...(state === undefined ? [] : [sql`state = ${sql.lit(state)}`]),
    ...(channel === undefined ? [] : [sql`channel = ${channel}`]),
    ...(leadId === undefined ? [] : [sql`lead_id = ${leadId}::uuid`]),
    ...(held === true ? [sql`is_held`] : []),
    ...(delivery === undefined ? [] : [deliveryIs(delivery)]),
    ...(ids === undefined ? [] : [sql`id = any (${ids}::bigint[])`]),
  ];
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `);
}

export async function findNotification(
  db: Kysely<unknown>,
  id: string,
): Promise<NotificationWithTries | null> {
  const { rows } = await sql<NotificationView>`
    select ${COLUMNS} from oncebox.notifications where id = ${id}::bigint`.execute(db);
  const [whole] = await readTries(db, rows);
  return whole ?? null;
}

/** What was tried and asked for them, the first one first; in two statements, however many they are. */
export async function readTries(
  db: Kysely<unknown>,
  notifications: readonly NotificationView[],
): Promise<NotificationWithTries[]> {
  if (notifications.length === 0) return [];
  const ids = notifications.map((it) => it.id);
  const [attempts, lookups] = await Promise.all([
    sql<AttemptView & Owned>`
      select notification_id::text as "notificationId", attempt, started_at as "startedAt",
             sending_at as "sendingAt", ended_at as "endedAt", outcome, code, detail
        from oncebox.attempts
       where notification_id = any (${ids}::bigint[])
       order by attempt`.execute(db),
    sql<LookupView & Owned>`
      select notification_id::text as "notificationId", attempt, at, finding, verdict, detail
        from oncebox.lookups
       where notification_id = any (${ids}::bigint[])
       order by at`.execute(db),
  ]);
  const attemptsOf = byNotification(attempts.rows);
  const lookupsOf = byNotification(lookups.rows);
  return notifications.map((it) => ({
    ...it,
    attempts: attemptsOf.get(it.id) ?? [],
    lookups: lookupsOf.get(it.id) ?? [],
  }));
}

interface Owned {
  readonly notificationId: string;
}

function byNotification<T extends Owned>(rows: readonly T[]): Map<string, Omit<T, keyof Owned>[]> {
  const found = new Map<string, Omit<T, keyof Owned>[]>();
  for (const { notificationId, ...row } of rows) {
    const others = found.get(notificationId);
    if (others === undefined) found.set(notificationId, [row]);
    else others.push(row);
  }
  return found;
}
