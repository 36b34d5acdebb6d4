import { sql } from "kysely";
import type pg from "pg";
import { describe, expect } from "vitest";
import { registerLead, registerLeads, registerRecords } from "../../src/outbox/register.ts";
import { test } from "../support/fixture.ts";

const LEAD = {
  name: "Айгерим",
  phone: "+7 777 123 45 67",
  email: "a@example.kz",
  source: "proftest",
  idempotencyKey: "form-8f2c",
  data: { result_url: "https://example.kz/r/1" },
};

async function inTransaction<T>(
  pool: pg.Pool,
  end: "commit" | "rollback",
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const result = await work(client);
    await client.query(end);
    return result;
  } finally {
    client.release(true);
  }
}

describe("registerLead", () => {
  test("commits the lead, its notifications and their jobs together", async ({ pool, db }) => {
    const { leadId, created } = await inTransaction(pool, "commit", (client) =>
      registerLead(client, LEAD),
    );

    const { rows } = await sql`
      select l.name, l.phone, l.email, l.sms_sent, l.email_sent, n.channel, n.recipient, n.state,
             j.run_at = n.due_at as woken_when_due, n.due_at - n.created_at = interval '10 minutes' as after_the_delay
        from public.landing_leads as l
        join oncebox.notification as n on n.lead_id = l.id
        join graphile_worker.jobs as j on j.key = 'oncebox:' || n.id
       where l.id = ${leadId}
       order by n.channel`.execute(db);
    expect(created).toBe(true);
    const lead = {
      name: "Айгерим",
      phone: "+77771234567",
      email: "a@example.kz",
      sms_sent: false,
      email_sent: false,
    };
    expect(rows).toEqual([
      {
        ...lead,
        channel: "email",
        recipient: "a@example.kz",
        state: "pending",
        woken_when_due: true,
        after_the_delay: true,
      },
      {
        ...lead,
        channel: "sms",
        recipient: "+77771234567",
        state: "pending",
        woken_when_due: true,
        after_the_delay: true,
      },
    ]);
  });

  test("leaves nothing when the caller rolls back", async ({ pool, db }) => {
    await inTransaction(pool, "rollback", (client) => registerLead(client, LEAD));

    const { rows } = await sql`
      select (select count(*) from public.landing_leads) + (select count(*) from oncebox.notification)
           + (select count(*) from oncebox.registration) + (select count(*) from graphile_worker.jobs) as rows`.execute(
      db,
    );
    expect(rows).toEqual([{ rows: "0" }]);
  });

  test("takes a Kysely transaction as it is", async ({ db }) => {
    const { created } = await db.transaction().execute((tx) => registerLead(tx, LEAD));

    expect(created).toBe(true);
  });

  test("refuses a pool and a Kysely instance, which would run outside the transaction", async ({
    pool,
    db,
  }) => {
    // @ts-expect-error the compiler refuses a pool; this is for callers without one
    await expect(registerLead(pool, LEAD)).rejects.toThrow(/pool/);
    await expect(registerLead(db, LEAD)).rejects.toThrow(/transaction/);
  });

  test("returns the first lead for the same key and content, however it is written", async ({
    db,
  }) => {
    const first = await db.transaction().execute((tx) => registerLead(tx, LEAD));
    const again = await db.transaction().execute((tx) =>
      registerLead(tx, {
        ...LEAD,
        phone: "8 (777) 123-45-67",
        dueAt: new Date(Date.now() + 60_000),
      }),
    );

    expect(again).toEqual({ leadId: first.leadId, created: false });
  });

  test("creates one lead when fifty register the same key at once", async ({ db }) => {
    const results = await Promise.all(
      Array.from({ length: 50 }, () => db.transaction().execute((tx) => registerLead(tx, LEAD))),
    );

    expect(results.filter((it) => it.created)).toHaveLength(1);
    expect(new Set(results.map((it) => it.leadId)).size).toBe(1);
  });

  test("refuses the same key with other content and says so by code", async ({ db }) => {
    await db.transaction().execute((tx) => registerLead(tx, LEAD));

    const other = db.transaction().execute((tx) => registerLead(tx, { ...LEAD, name: "Данияр" }));

    await expect(other).rejects.toMatchObject({
      code: "ONCEBOX_KEY_REUSED",
      message: expect.stringContaining('"form•••" (9 characters)'),
      hint: expect.stringContaining("new key"),
    });
  });

  test("takes the same key of another source for another registration", async ({ db }) => {
    const first = await db.transaction().execute((tx) => registerLead(tx, LEAD));
    const other = await db
      .transaction()
      .execute((tx) => registerLead(tx, { ...LEAD, source: "other" }));

    expect(other.created).toBe(true);
    expect(other.leadId).not.toBe(first.leadId);
  });

  test("makes no SMS without a phone and no email without an email", async ({ db }) => {
    await db
      .transaction()
      .execute((tx) => registerLeads(tx, [{ phone: LEAD.phone }, { email: LEAD.email }]));

    const { rows } = await sql`select channel from oncebox.notification order by id`.execute(db);
    expect(rows).toEqual([{ channel: "sms" }, { channel: "email" }]);
  });

  const refused: readonly [name: string, lead: object, code: string, message: RegExp][] = [
    ["neither phone nor email", { name: "X" }, "ONCEBOX_LEAD_INVALID", /neither phone nor email/],
    [
      "an empty phone and email",
      { phone: " ", email: "" },
      "ONCEBOX_LEAD_INVALID",
      /neither phone nor email/,
    ],
    ["a phone that is none", { phone: "abc" }, "ONCEBOX_LEAD_INVALID", /phone/],
    ["two addresses", { email: "a@x.example, evil@y.example" }, "ONCEBOX_LEAD_INVALID", /email/],
    [
      "a name of 5,000 characters",
      { ...LEAD, name: "A".repeat(5_000) },
      "ONCEBOX_LEAD_INVALID",
      /name has 5000 characters, wanted at most 200/,
    ],
    [
      "data that is no object",
      { ...LEAD, data: ["x"] },
      "ONCEBOX_LEAD_INVALID",
      /data is array, wanted an object/,
    ],
    [
      "data without end",
      { ...LEAD, data: { x: "y".repeat(20_000) } },
      "ONCEBOX_LEAD_INVALID",
      /data has \d+ bytes/,
    ],
    [
      "a key of 300 characters",
      { ...LEAD, idempotencyKey: "k".repeat(300) },
      "ONCEBOX_LEAD_INVALID",
      /idempotency_key has 300 characters/,
    ],
    [
      "a NUL character",
      { ...LEAD, name: "a\0b" },
      "ONCEBOX_LEAD_INVALID",
      /name has a NUL character/,
    ],
    [
      "half a surrogate pair in the data",
      { ...LEAD, data: { x: "\ud800" } },
      "ONCEBOX_LEAD_INVALID",
      /data has a NUL character or half/,
    ],
    [
      "a kind without templates",
      { ...LEAD, kind: "nope" },
      "ONCEBOX_TEMPLATE_MISSING",
      /no sms template of kind "nope"/,
    ],
    [
      "a time in the year 9999",
      { ...LEAD, dueAt: new Date("9999-01-01") },
      "ONCEBOX_LEAD_INVALID",
      /due_at is "9999-01-01/,
    ],
  ];
  for (const [name, lead, code, message] of refused) {
    test(`refuses ${name}, and says which field and why`, async ({ db }) => {
      const attempt = db.transaction().execute((tx) => registerLead(tx, lead));

      await expect(attempt).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
        hint: expect.any(String),
      });
      const { rows } = await sql`select from public.landing_leads`.execute(db);
      expect(rows).toEqual([]);
    });
  }

  test("shows no phone and no address in a refusal", async ({ db }) => {
    const results = await db.transaction().execute((tx) =>
      registerRecords(tx, [{ phone: "+7 727 258 30 43" }, { email: "secret.person@example" }], {
        skipRefused: true,
      }),
    );

    const text = JSON.stringify(results);
    expect(results.every((it) => it.refusal !== null)).toBe(true);
    expect(text).not.toContain("2583043");
    expect(text).not.toContain("258 30 43");
    expect(text).not.toContain("secret.person");
  });

  test("refuses a lead whose template wants a variable that it does not bring", async ({ db }) => {
    await sql`insert into oncebox.template (kind, channel, body) values ('strict', 'sms', 'Ваш код {{code}}')`.execute(
      db,
    );
    const lead = { phone: LEAD.phone, kind: "strict" };

    const without = db.transaction().execute((tx) => registerLead(tx, lead));
    await expect(without).rejects.toMatchObject({
      code: "ONCEBOX_TEMPLATE_VARIABLE_MISSING",
      message: expect.stringContaining("code"),
    });
    const { created } = await db
      .transaction()
      .execute((tx) => registerLead(tx, { ...lead, data: { code: 42 } }));
    expect(created).toBe(true);
  });

  test("takes a lead that brings its own texts without any template", async ({ db }) => {
    await sql`delete from oncebox.template`.execute(db);

    const { created } = await db.transaction().execute((tx) =>
      registerLead(tx, {
        phone: LEAD.phone,
        email: LEAD.email,
        smsText: "Привет",
        emailSubject: "Тема",
        emailText: "Текст",
      }),
    );

    expect(created).toBe(true);
  });
});

describe("registerLeads", () => {
  test("registers all or none", async ({ db }) => {
    const some = db.transaction().execute((tx) => registerLeads(tx, [LEAD, { phone: "abc" }]));

    await expect(some).rejects.toMatchObject({
      message: expect.stringMatching(/^record 2: phone/),
    });
    const { rows } = await sql`select from public.landing_leads`.execute(db);
    expect(rows).toEqual([]);
  });

  test("answers in the order asked, with a row twice recognised as one", async ({ db }) => {
    const results = await db
      .transaction()
      .execute((tx) => registerLeads(tx, [LEAD, { phone: "87011112233" }, LEAD]));

    expect(results.map((it) => it.created)).toEqual([true, true, false]);
    expect(results[2]?.leadId).toBe(results[0]?.leadId);
  });

  test("registers the good ones beside the refused, when asked to", async ({ db }) => {
    const results = await db
      .transaction()
      .execute((tx) =>
        registerRecords(
          tx,
          [{ phone: "abc" }, { phone: "87011112233" }, { phone: "87011112233", nmae: "x" }],
          { skipRefused: true },
        ),
      );

    expect(results).toMatchObject([
      { leadId: null, refusal: { field: "phone" } },
      { created: true, refusal: null },
      { leadId: null, refusal: { field: "nmae" } },
    ]);
  });

  test("does not deadlock when two calls bring the same keys in opposite order", async ({ db }) => {
    const leads = Array.from({ length: 200 }, (_, index) => ({
      phone: "87011112233",
      idempotencyKey: `k${index}`,
    }));

    const results = await Promise.all(
      [leads, leads.toReversed()].map((it) =>
        db.transaction().execute((tx) => registerLeads(tx, it)),
      ),
    );

    expect(results.flat().filter((it) => it.created)).toHaveLength(200);
  });
});
