import { type Kysely, sql } from "kysely";
import { refusable } from "../db/errors.ts";
import type { ChannelName } from "./notification.ts";

/** A person's own data, unmasked: show it to who asked, and write it nowhere. */
export interface Revealed {
  readonly name: string | null;
  readonly phone: string | null;
  readonly email: string | null;
}

/** Who did it, and why; kept in `oncebox.audit` in the same transaction. */
interface Why {
  readonly actor: string;
  readonly reason: string;
}

/** Writes down an act that moves no notification. */
export async function noteAct(
  db: Kysely<unknown>,
  act: {
    readonly actor: string;
    readonly action: "sign_in_refused";
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
  { leadId, actor, reason }: Why & { readonly leadId: string },
): Promise<Revealed> {
  const { rows } = await refusable(
    sql<Revealed>`
      select name, phone, email from oncebox.reveal(${leadId}::uuid, ${actor}, ${reason})`.execute(
      db,
    ),
  );
  return rows[0] as Revealed;
}

/** Writes a text, new or instead of what is there. */
export async function saveTemplate(
  db: Kysely<unknown>,
  template: {
    readonly kind: string;
    readonly channel: ChannelName;
    readonly subject: string | null;
    readonly body: string;
  },
  { actor, reason }: Why,
): Promise<void> {
  const { kind, channel, subject, body } = template;
  await refusable(
    sql`select oncebox.save_template(${kind}, ${channel}, ${subject}, ${body}, ${actor}, ${reason})`.execute(
      db,
    ),
  );
}

/**
 * Registers a lead that is due now, to see what a text looks like when it lands.
 *
 * @returns The lead's id.
 * @throws OnceboxError `ONCEBOX_LEAD_INVALID`, `ONCEBOX_TEMPLATE_MISSING`, `ONCEBOX_TEMPLATE_VARIABLE_MISSING`.
 */
export async function sendTest(
  db: Kysely<unknown>,
  test: {
    readonly kind: string;
    readonly channel: ChannelName;
    readonly to: string;
    readonly name: string | null;
    readonly data: Readonly<Record<string, unknown>>;
  },
  actor: string,
): Promise<string> {
  const { rows } = await refusable(
    sql<{ leadId: string }>`
      select oncebox.send_test(
        ${test.kind}, ${test.channel}, ${test.to}, ${test.name}, ${JSON.stringify(test.data)}::jsonb,
        ${actor}) as "leadId"`.execute(db),
  );
  return (rows[0] as { leadId: string }).leadId;
}

/**
 * Ends a channel's pause before its time.
 *
 * @throws OnceboxError `ONCEBOX_MOVE_REFUSED` - it is open.
 */
export async function reopenChannel(
  db: Kysely<unknown>,
  channel: ChannelName,
  { actor, reason }: Why,
): Promise<void> {
  await refusable(sql`select oncebox.reopen_channel(${channel}, ${actor}, ${reason})`.execute(db));
}
