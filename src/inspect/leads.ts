import { type Kysely, sql } from "kysely";
import { listNotifications, type NotificationWithTries, readTries } from "./notifications.ts";

/** A lead as it may be shown: masked. */
export interface LeadView {
  readonly id: string;
  readonly name: string | null;
  readonly phone: string | null;
  readonly email: string | null;
  /** Null where an adopted lead does not say. */
  readonly createdAt: Date | null;
  readonly source: string | null;
  readonly kind: string | null;
  /** How many times the same registration came again. */
  readonly repeats: number | null;
  readonly erasedAt: Date | null;
}

interface LeadWithNotifications extends LeadView {
  readonly notifications: readonly NotificationWithTries[];
}

export const COLUMNS_OF_LEAD = sql`
  id, name, phone, email, created_at as "createdAt", source, kind, repeats, erased_at as "erasedAt"`;

/** More than one lead can have. */
const MOST_NOTIFICATIONS = 10;

/** What a lead got, every attempt; null when there is none with this id. */
export async function findLead(
  db: Kysely<unknown>,
  id: string,
): Promise<LeadWithNotifications | null> {
  const { rows } = await sql<LeadView>`
    select ${COLUMNS_OF_LEAD} from oncebox.leads where id = ${id}::uuid`.execute(db);
  const [lead] = rows;
  if (lead === undefined) return null;
  const notifications = await listNotifications(db, { leadId: id, limit: MOST_NOTIFICATIONS });
  return { ...lead, notifications: await readTries(db, notifications.reverse()) };
}
