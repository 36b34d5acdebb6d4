import { type Kysely, sql } from "kysely";
import { makeLead, makeNotification } from "../../support/make.ts";

/** Markup, a script, letters that turn the text around, and no end. */
const HOSTILE = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>"';\u202Edrawkcab\u2066 ${"x".repeat(400)}`;

/**
 * A lead of whom everything that others may write is hostile: name, source, reasons, what the provider said.
 *
 * @returns Its id.
 */
export async function seedHostileLead(db: Kysely<unknown>): Promise<string> {
  const leadId = await makeLead(db, {
    name: HOSTILE + "z".repeat(10_000),
    phone: "+77010000666",
    email: "hostile@example.kz",
  });
  await sql`
    insert into oncebox.registration (lead_id, source, kind, data, fingerprint)
    values (${leadId}, ${HOSTILE.slice(0, 100)}, 'proftest', '{}', '\\x00')`.execute(db);
  const sms = await makeNotification(db, { leadId, channel: "sms", state: "unknown", draft: true });
  const email = await makeNotification(db, { leadId, channel: "email", dueInMs: 3_600_000 });
  await sql`
    update oncebox.notification set state_reason = ${HOSTILE.slice(0, 300)}, look_up_at = null where id = ${sms}`.execute(
    db,
  );
  await sql`
    update oncebox.attempt set code = ${HOSTILE.slice(0, 80)}, detail = ${HOSTILE.repeat(4).slice(0, 2_000)}
     where notification_id = ${sms}`.execute(db);
  await sql`
    insert into oncebox.lookup (notification_id, attempt, worker_id, finding, verdict, detail)
    select ${sms}, 1, worker_id, 'undecided', 'later', ${HOSTILE} from oncebox.notification where id = ${sms}`.execute(
    db,
  );
  await sql`select oncebox.retry(${email}::bigint, ${HOSTILE.slice(0, 200)}, ${HOSTILE.slice(0, 500)})`
    .execute(db)
    .catch(() => {});
  await sql`update oncebox.notification set due_at = now() + interval '1 hour' where id = ${email}`.execute(
    db,
  );
  await sql`
    insert into oncebox.template (kind, channel, subject, body) values ('hostile', 'email', ${HOSTILE.slice(0, 300)}, ${HOSTILE})`.execute(
    db,
  );
  return leadId;
}
