import { type Kysely, sql } from "kysely";
import { OnceboxError } from "../errors.ts";
import { COLUMNS_OF_LEAD, type LeadView } from "./leads.ts";

/** One thing that happened for a lead; masked. */
export interface HistoryEvent {
  readonly at: Date | null;
  readonly notificationId: string | null;
  readonly channel: string | null;
  readonly event: string;
  readonly by: string | null;
  readonly detail: string | null;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The leads of a person who was to get a message, the newest first, at most 20. By index.
 *
 * @param query - A number in any form, an address, or a lead's id. Taken literally.
 */
export async function findPeople(db: Kysely<unknown>, query: string): Promise<LeadView[]> {
  const text = query.trim();
  if (UUID.test(text)) return await readLeads(db, sql`select ${text}::uuid`);
  return await readLeads(db, sql`select oncebox.find_leads(${text})`);
}

/**
 * As `findPeople`, where that found nobody: leads that other programs wrote have no notification to be
 * found by. Looks through all of them, so let one at a time do it.
 *
 * @throws OnceboxError `ONCEBOX_NOT_FOUND` - there are too many leads to look through all of them in time.
 */
export async function lookThroughLeads(db: Kysely<unknown>, query: string): Promise<LeadView[]> {
  const text = query.trim();
  if (UUID.test(text)) return [];
  try {
    return await readLeads(db, sql`select oncebox.leads_of(${text})`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== QUERY_CANCELED) throw error;
    throw new OnceboxError(
      "ONCEBOX_NOT_FOUND",
      "nobody who was to get a message has this number or address, and there are too many leads to look through the others",
      { hint: "Ask in psql: sql/inspect/what_did_this_person_get.sql.", cause: error },
    );
  }
}

/** Its statement took longer than this connection lets it. */
const QUERY_CANCELED = "57014";

async function readLeads(db: Kysely<unknown>, ids: ReturnType<typeof sql>): Promise<LeadView[]> {
  const { rows } = await sql<LeadView>`
    select ${COLUMNS_OF_LEAD}
      from oncebox.leads
     where id in (${ids})
     order by created_at desc nulls last, id
     limit 20`.execute(db);
  return rows;
}

/** Everything that happened for a lead, in order. */
export async function listHistory(db: Kysely<unknown>, leadId: string): Promise<HistoryEvent[]> {
  const { rows } = await sql<HistoryEvent>`
    select at, notification_id::text as "notificationId", channel, event, by, detail
      from oncebox.lead_history
     where lead_id = ${leadId}::uuid
     order by at nulls first, notification_id nulls first`.execute(db);
  return rows;
}
