import { type Kysely, sql } from "kysely";

/** How many leads a number had of late. */
export interface RecentLeads {
  /** As it was asked. */
  readonly phone: string;
  readonly leads: number;
  readonly firstAt: Date | null;
}

/** Of the numbers that are numbers, in whatever form they are written. */
export async function readRecentLeads(
  db: Kysely<unknown>,
  phones: readonly string[],
  sinceMs: number,
): Promise<RecentLeads[]> {
  const { rows } = await sql<RecentLeads>`
    select phone, leads::integer as leads, first_at as "firstAt"
      from oncebox.recent_leads(${phones}::text[], ${`${sinceMs} milliseconds`}::interval)`.execute(
    db,
  );
  return rows;
}
