import { type Kysely, sql } from "kysely";
import { fromPostgres } from "../db/errors.ts";

/** The leads with this number, in any form that a registration takes, or this address. Reads whole tables. */
export async function findLeads(db: Kysely<unknown>, person: string): Promise<string[]> {
  const { rows } = await sql<{ lead_id: string }>`
    select lead_id::text from oncebox.leads_of(${person}) as l (lead_id) order by lead_id`.execute(
    db,
  );
  return rows.map((it) => it.lead_id);
}

/**
 * Forgets the person behind a lead, in a transaction of its own, and leaves what keeps a second message
 * from going out. Safe to repeat. See `sql/functions/erase_lead.sql`.
 *
 * @returns How many notifications it closed: what was waiting is cancelled, what was in doubt is failed.
 * @throws OnceboxError `ONCEBOX_NOT_FOUND`; `ONCEBOX_MOVE_REFUSED` - one of them is being sent just now.
 */
export async function eraseLead(
  db: Kysely<unknown>,
  leadId: string,
  actor: string,
): Promise<number> {
  try {
    const { rows } = await sql<{ closed: number }>`
      select oncebox.erase_lead(${leadId}::uuid, ${actor}) as closed`.execute(db);
    return rows[0]?.closed ?? 0;
  } catch (error) {
    throw fromPostgres(error);
  }
}
