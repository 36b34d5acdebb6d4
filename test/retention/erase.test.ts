import { type Kysely, sql } from "kysely";
import type pg from "pg";
import { describe, expect } from "vitest";
import { eraseLead, findLeads } from "../../src/outbox/erase.ts";
import type { Lead } from "../../src/outbox/lead.ts";
import { parseNotificationId } from "../../src/outbox/notification.ts";
import { cancel } from "../../src/outbox/person.ts";
import { prune } from "../../src/outbox/prune.ts";
import { oncebox } from "../db/support/oncebox.ts";
import { countStates, register } from "../support/leads.ts";
import { test } from "../support/running.ts";
import { until } from "../support/until.ts";

const PERSON: Lead = {
  name: "Айгерим Сапарова",
  phone: "+77015550142",
  email: "aigerim.saparova@example.kz",
  source: "proftest",
  idempotencyKey: "form-aigerim-42",
  data: { result_url: "https://example.kz/r/saparova" },
  smsText: "Сапарова, ваш результат готов",
};
const TRACES = ["Сапарова", "Айгерим", "7015550142", "saparova", "form-aigerim-42"];

/** Every place in any table of ours, the leads' or graphile-worker's that has one of the person's values. */
async function tracesIn(pool: pg.Pool): Promise<string[]> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `select c.oid::regclass::text as name
       from pg_class as c
      where c.relkind = 'r'
        and c.relnamespace in ('oncebox'::regnamespace, 'public'::regnamespace, 'graphile_worker'::regnamespace)`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    for (const trace of TRACES) {
      const { rows } = await pool.query(
        `select from ${name} as t where t::text ilike '%' || $1 || '%'`,
        [trace],
      );
      if (rows.length > 0) found.push(`${name} has ${trace}`);
    }
  }
  return found;
}

async function idsOf(db: Kysely<unknown>) {
  const { rows } = await sql<{
    id: string;
  }>`select id::text from oncebox.notification order by id`.execute(db);
  return rows.map((it) => parseNotificationId(it.id));
}

describe("erasing a person", () => {
  test("leaves none of their values in any table, whatever state their notifications are in", async ({
    db,
    pool,
    gateways,
    startWorker,
  }) => {
    // One sent, one failed with what the provider said, and one taken back with a person's words.
    await gateways.addEmailFault({
      match: { to: PERSON.email ?? "" },
      fault: { at: "rcpt", answer: "refuse", code: 550 },
    });
    const worker = await startWorker();
    const [lead = ""] = await register(db, [{ ...PERSON, dueAt: new Date() }]);
    await until("it is sent", async () => (await countStates(db)).sent === 1);
    worker.child.kill("SIGTERM");
    await worker.ended;
    const [other = ""] = await register(db, [
      { ...PERSON, idempotencyKey: "form-aigerim-43", email: null },
    ]);
    const last = (await idsOf(db)).at(-1);
    if (last === undefined) throw new Error("there is no notification");
    await cancel(db, {
      notificationId: last,
      actor: "operator",
      reason: "Сапарова asked for it by phone",
    });
    expect((await tracesIn(pool)).length).toBeGreaterThan(5);

    expect(await findLeads(db, "8 701 555 01 42")).toEqual([lead, other].sort());
    await eraseLead(db, lead, "operator");
    await eraseLead(db, other, "operator");
    expect(await tracesIn(pool)).toEqual([]);
    expect(await findLeads(db, PERSON.phone ?? "")).toEqual([]);
  });

  test("cancels what waits, closes what is in doubt, and sends nothing more", async ({
    db,
    gateways,
    startWorker,
  }) => {
    const [lead = ""] = await register(db, [PERSON]);
    const [sms, email] = await idsOf(db);
    await sql`
      update oncebox.notification set state = 'unknown', state_reason = 'deadline' where id = ${email}::bigint`.execute(
      db,
    );
    await sql`update public.landing_leads set email_sent = true`.execute(db);
    expect(await eraseLead(db, lead, "operator")).toBe(2);

    const { rows } = await sql`
      select n.id, n.state, n.state_reason, n.recipient, n.body from oncebox.notification as n order by n.id`.execute(
      db,
    );
    expect(rows).toEqual([
      { id: sms, state: "cancelled", state_reason: "erased", recipient: "", body: null },
      { id: email, state: "failed", state_reason: "erased", recipient: "", body: null },
    ]);
    const { rows: leads } = await sql`
      select name, phone, email, email_sent from public.landing_leads`.execute(db);
    expect(leads).toEqual([{ name: null, phone: null, email: null, email_sent: true }]);
    const { rows: audits } = await sql`
      select actor, action, from_state, to_state, reason from oncebox.audit order by id`.execute(
      db,
    );
    expect(audits).toEqual([
      {
        actor: "operator",
        action: "erase",
        from_state: "pending",
        to_state: "cancelled",
        reason: "erased",
      },
      {
        actor: "operator",
        action: "erase",
        from_state: "unknown",
        to_state: "failed",
        reason: "erased",
      },
    ]);

    const worker = await startWorker();
    await register(db, [{ phone: "+77015550143", dueAt: new Date() }]);
    await until("another one is sent", async () => (await countStates(db)).sent === 1);
    expect((await gateways.messages()).sms.map((it) => it.to)).toEqual(["77015550143"]);
    expect((await gateways.messages()).email).toEqual([]);
    worker.child.kill("SIGTERM");
  });

  test("recognises a registration that is repeated afterwards, and sends nothing for it", async ({
    db,
    pool,
  }) => {
    const [lead = ""] = await register(db, [PERSON]);
    await eraseLead(db, lead, "operator");
    const [again] = await register(db, [PERSON]);
    expect(again).toBe(lead);
    expect(await idsOf(db)).toHaveLength(2);
    expect(await tracesIn(pool)).toEqual([]);

    // Another source, or another key, is another registration.
    const [fresh] = await register(db, [{ ...PERSON, source: "other" }]);
    expect(fresh).not.toBe(lead);
  });

  test("keeps the tombstone from being pruned", async ({ db }) => {
    const [lead = ""] = await register(db, [PERSON]);
    await eraseLead(db, lead, "operator");
    await sql`update oncebox.notification set settled_at = now() - interval '1 year'`.execute(db);
    expect(await prune(db, 86_400_000, 10)).toBe(0);
  });

  test("is refused while one of them is being sent, and changes nothing then", async ({ db }) => {
    const [lead = ""] = await register(db, [{ ...PERSON, email: null }]);
    await sql`insert into oncebox.worker (id, pid, version, lock_key)
              values ('00000000-0000-4000-8000-000000000001', 1, 'test', 1)`.execute(db);
    await sql`
      update oncebox.notification set state = 'claimed', attempt = 1, lease_until = now() + interval '1 minute',
             worker_id = '00000000-0000-4000-8000-000000000001'`.execute(db);
    await expect(eraseLead(db, lead, "operator")).rejects.toMatchObject({
      code: "ONCEBOX_MOVE_REFUSED",
    });
    expect(await findLeads(db, PERSON.phone ?? "")).toEqual([lead]);
  });

  test("is refused while a draft with the number may be at the provider", async ({ db }) => {
    const [lead = ""] = await register(db, [PERSON]);
    await sql`update oncebox.notification set discard_at = now() where channel = 'sms'`.execute(db);
    await expect(eraseLead(db, lead, "operator")).rejects.toMatchObject({
      code: "ONCEBOX_MOVE_REFUSED",
    });
  });

  test("is not undone by a worker's late answer", async ({ db, pool }) => {
    const [lead = ""] = await register(db, [{ ...PERSON, email: null }]);
    const [id = ""] = await idsOf(db);
    await sql`update oncebox.notification set state = 'unknown', state_reason = 'deadline', attempt = 1`.execute(
      db,
    );
    await sql`insert into oncebox.attempt (notification_id, attempt, worker_id)
              values (${id}::bigint, 1, '00000000-0000-4000-8000-000000000001')`.execute(db);
    await eraseLead(db, lead, "operator");
    await sql`
      select * from oncebox.settle(${id}::bigint, 1, 'rejected', 'failed', code => 'mobizon_1',
                                   detail => 'no such number: 77015550142')`.execute(db);
    expect(await tracesIn(pool)).toEqual([]);
  });

  test("does it once: a second call changes nothing", async ({ db }) => {
    const [lead = ""] = await register(db, [PERSON]);
    await eraseLead(db, lead, "operator");
    expect(await eraseLead(db, lead, "operator")).toBe(0);
    const { rows } = await sql`select from oncebox.audit`.execute(db);
    expect(rows).toHaveLength(2);
  });

  test("says erased where an adopted table wants a value, and leaves its other columns alone", async ({
    db,
  }) => {
    await sql`alter table public.landing_leads alter column phone set not null, add column comment text`.execute(
      db,
    );
    const [lead = ""] = await register(db, [PERSON]);
    await sql`update public.landing_leads set comment = 'of the site'`.execute(db);
    await eraseLead(db, lead, "operator");
    const { rows } = await sql`select phone, name, comment from public.landing_leads`.execute(db);
    expect(rows).toEqual([{ phone: `erased ${lead}`, name: null, comment: "of the site" }]);
  });
});

describe("oncebox erase", () => {
  test("finds by number, shows no personal data, and does it only without --dry-run", async ({
    db,
    databaseUrl,
  }) => {
    const [lead] = await register(db, [PERSON]);
    const env = { DATABASE_URL: databaseUrl };
    const dry = await oncebox(["erase", "--phone", "8 (701) 555-01-42", "--dry-run"], env);
    expect(dry).toMatchObject({ exitCode: 0, stdout: `would be erased: lead ${lead}\n` });
    expect(await findLeads(db, PERSON.email ?? "")).toEqual([lead]);

    const done = await oncebox(["erase", "--email", PERSON.email ?? "", "--json"], env);
    expect(JSON.parse(done.stdout)).toEqual({ erased: true, leads: [lead], closed: 2 });
    const again = await oncebox(["erase", "--email", PERSON.email ?? ""], env);
    expect(again.exitCode).toBe(1);
    expect(again.stderr).not.toContain("saparova");
  });

  for (const args of [[], ["--lead", "x"], ["--phone", "1", "--email", "a@b.kz"]]) {
    test(`refuses erase ${args.join(" ")}`, async ({ databaseUrl }) => {
      const { exitCode, stderr } = await oncebox(["erase", ...args], { DATABASE_URL: databaseUrl });
      expect(exitCode).toBe(2);
      expect(stderr).toContain("ONCEBOX_INPUT_INVALID");
    });
  }
});
