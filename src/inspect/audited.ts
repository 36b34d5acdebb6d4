import { type Kysely, sql } from "kysely";
import type { State } from "../outbox/notification.ts";

/** What of a notification is compared with the provider's record. */
export interface AuditedNotification {
  readonly id: string;
  readonly leadId: string;
  readonly state: State;
  readonly reference: string;
  readonly campaignId: string | null;
  /** How far the provider says that it got. */
  readonly delivery: string | null;
  /** Claimed, and its lease is good: what it has sent is being written down. */
  readonly isHeldByWorker: boolean;
}

/** Rows a query. */
const AT_ONCE = 5_000;

const COLUMNS = sql`
  n.id::text as id, n.lead_id as "leadId", n.state, n.reference, n.campaign_id as "campaignId", n.delivery,
  n.state = 'claimed' and n.lease_until > clock_timestamp() as "isHeldByWorker"`;

interface AuditScope {
  /** What the references of this database begin with. */
  readonly prefix: string;
  /** The time by the database's clock. */
  readonly now: Date;
  /** What was settled before may not be here any more; null = nothing was pruned. */
  readonly prunedUntil: Date | null;
}

export async function readScope(db: Kysely<unknown>): Promise<AuditScope> {
  const { rows } = await sql<AuditScope>`
    select left(oncebox.reference(0), -1) as prefix, clock_timestamp() as now,
           h.pruned_until as "prunedUntil"
      from oncebox.health as h`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new TypeError("oncebox.health answered no row");
  return row;
}

/** The SMS that became sent at this moment or later, in the order of their ids. */
export async function listSentSms(
  db: Kysely<unknown>,
  since: Date,
): Promise<readonly AuditedNotification[]> {
  const found: AuditedNotification[] = [];
  for (;;) {
    const { rows } = await sql<AuditedNotification>`
      select ${COLUMNS}
        from oncebox.notifications as n
       where n.channel = 'sms'
         and n.state = 'sent'
         and n.settled_at >= ${since}
         and n.id > ${found.at(-1)?.id ?? "0"}::bigint
       order by n.id
       limit ${AT_ONCE}`.execute(db);
    found.push(...rows);
    if (rows.length < AT_ONCE) return found;
  }
}

/** The notifications of these references, by reference; those that we do not have are missing. */
export async function findByReference(
  db: Kysely<unknown>,
  prefix: string,
  references: readonly string[],
): Promise<ReadonlyMap<string, AuditedNotification>> {
  // Whatever else begins with our prefix is no id, and so no notification of ours.
  const ids = references
    .map((it) => it.slice(prefix.length))
    .filter((it) => /^[1-9]\d{0,17}$/.test(it));
  const found = new Map<string, AuditedNotification>();
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const { rows } = await sql<AuditedNotification>`
      select ${COLUMNS}
        from oncebox.notifications as n
       where n.channel = 'sms'
         and n.id = any (${ids.slice(from, from + AT_ONCE)}::bigint[])`.execute(db);
    for (const row of rows) found.set(row.reference, row);
  }
  return found;
}
