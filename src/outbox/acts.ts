import { type Kysely, sql } from "kysely";
import { fromPostgres } from "../db/errors.ts";

/** A person's own data, unmasked: show it to who asked, and write it nowhere. */
export interface Revealed {
  readonly name: string | null;
  readonly phone: string | null;
  readonly email: string | null;
}

/** Writes down an act that moves no notification. */
export async function noteAct(
  db: Kysely<unknown>,
  act: {
    readonly actor: string;
    readonly action: "sign_in_refused" | "send_test";
    readonly subject: string;
    readonly reason: string;
  },
): Promise<void> {
  await sql`select oncebox.note_act(${act.actor}, ${act.action}, ${act.subject}, ${act.reason})`.execute(
    db,
  );
}

/**
 * A lead's data as it is; who looked and why is kept in the same transaction.
 *
 * @throws OnceboxError `ONCEBOX_NOT_FOUND`.
 */
export async function reveal(
  db: Kysely<unknown>,
  { leadId, actor, reason }: { leadId: string; actor: string; reason: string },
): Promise<Revealed> {
  try {
    const { rows } = await sql<Revealed>`
      select name, phone, email from oncebox.reveal(${leadId}::uuid, ${actor}, ${reason})`.execute(
      db,
    );
    return rows[0] as Revealed;
  } catch (error) {
    throw fromPostgres(error);
  }
}
