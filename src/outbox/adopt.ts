import { type Kysely, sql } from "kysely";
import { fromPostgres } from "../db/errors.ts";
import type { ChannelName } from "./notification.ts";

export interface Adoption {
  /** Leads that came in from here, an ISO time, .. */
  readonly since: string;
  /** .. to just before here. */
  readonly until: string;
  readonly kind: string;
  readonly channels: readonly ChannelName[];
  /** An ISO time; null = when each would have been due, and never sooner than two minutes from now. */
  readonly dueAt: string | null;
  /** Leads in this call. */
  readonly atMost: number;
  /** Kept in `oncebox.audit`. */
  readonly actor: string;
}

export interface Adopted {
  readonly leads: number;
  readonly notifications: number;
}

/**
 * Takes over leads that another program wrote and nobody has sent, the oldest first, in one
 * transaction of its own. Safe to repeat: none is taken over twice, so call it until it answers 0.
 */
export async function adoptLeads(
  db: Kysely<unknown>,
  { since, until, kind, channels, dueAt, atMost, actor }: Adoption,
): Promise<Adopted> {
  try {
    const { rows } = await sql<Adopted>`
      select leads, notifications
        from oncebox.adopt_leads(${since}::timestamptz, ${until}::timestamptz, ${kind}, ${channels}::text[],
                                 ${dueAt}::timestamptz, ${atMost}::integer, ${actor})`.execute(db);
    return rows[0] ?? { leads: 0, notifications: 0 };
  } catch (error) {
    throw fromPostgres(error);
  }
}
