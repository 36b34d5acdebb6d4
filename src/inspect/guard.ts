import { type Kysely, sql } from "kysely";

/** What is held on one channel. */
interface Held {
  readonly count: number;
  readonly oldestDueAt: Date | null;
}

/** Whether the database is the one that it was. See `docs/time-travel.md`. */
export interface Guard {
  readonly systemIdentifier: string | null;
  readonly timeline: string | null;
  /** Null = nothing was written down yet; false = the next claim or sweep will hold what is due. */
  readonly isKnown: boolean | null;
  /** When it was last found to be another one, or said to be; null = never. */
  readonly travelledAt: Date | null;
  readonly sms: Held;
  readonly email: Held;
}

/** On a primary only: a standby has no write position to compare. */
export async function readGuard(db: Kysely<unknown>): Promise<Guard> {
  const { rows } = await sql<
    Omit<Guard, "sms" | "email"> & {
      heldSms: number;
      heldEmail: number;
      oldestSms: Date | null;
      oldestEmail: Date | null;
    }
  >`
    select g.system_identifier as "systemIdentifier", g.timeline, g.is_known as "isKnown",
           g.travelled_at as "travelledAt", g.held_sms::integer as "heldSms",
           g.held_email::integer as "heldEmail", g.oldest_held_sms_due_at as "oldestSms",
           g.oldest_held_email_due_at as "oldestEmail"
      from oncebox.guard as g`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new TypeError("oncebox.guard answered no row");
  const { heldSms, heldEmail, oldestSms, oldestEmail, ...guard } = row;
  return {
    ...guard,
    sms: { count: heldSms, oldestDueAt: oldestSms },
    email: { count: heldEmail, oldestDueAt: oldestEmail },
  };
}
