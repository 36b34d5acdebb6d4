import { type Kysely, sql } from "kysely";

export interface Swept {
  /** `unknown`, `pending`: a claim whose lease ran out went there. `woken`: a due row had no job. */
  readonly action: "unknown" | "pending" | "woken";
  readonly notificationId: string;
}

/** Puts right what a crash left behind; harmless to call as often as one likes. See `sql/functions/sweep.sql`. */
export async function sweep(db: Kysely<unknown>): Promise<Swept[]> {
  const { rows } = await sql<Swept>`
    select action, notification_id as "notificationId" from oncebox.sweep()`.execute(db);
  return rows;
}
