import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import type { Lead } from "../../src/outbox/lead.ts";
import { type ChannelName, parseNotificationId } from "../../src/outbox/notification.ts";
import { registerLead } from "../../src/outbox/register.ts";
import { test } from "../support/fixture.ts";
import { claimAs } from "../support/make.ts";

const PHONE = "+77771234567";
const EMAIL = "a@example.kz";
const SQL_TEXT = `'); drop table oncebox.notification; -- "\\'$$`;

interface Sent {
  readonly recipient: string;
  readonly subject: string | null;
  readonly body: string;
}

async function register(db: Kysely<unknown>, lead: Lead): Promise<string> {
  const dueAt = new Date(Date.now() - 60_000);
  const { leadId } = await db
    .transaction()
    .execute((tx) => registerLead(tx, { phone: PHONE, email: EMAIL, dueAt, ...lead }));
  return leadId;
}

async function notificationOf(db: Kysely<unknown>, leadId: string, channel: ChannelName) {
  const { rows } = await sql<{ id: string }>`
    select id::text from oncebox.notification where lead_id = ${leadId} and channel = ${channel}`.execute(
    db,
  );
  return parseNotificationId(rows[0]?.id);
}

async function claimFor(db: Kysely<unknown>, leadId: string, channel: ChannelName) {
  return await claimAs(db, await notificationOf(db, leadId, channel), {
    twoStep: channel === "sms",
  });
}

/** What a channel would be given for a lead. */
async function sentTo(db: Kysely<unknown>, lead: Lead): Promise<Record<ChannelName, Sent>> {
  const leadId = await register(db, lead);
  const messages = [];
  for (const channel of ["sms", "email"] as const) {
    const claimed = await claimFor(db, leadId, channel);
    if (claimed?.verdict !== "claimed") throw new Error(`${channel}: ${claimed?.verdict}`);
    const { recipient, subject, body } = claimed.message;
    messages.push({ recipient, subject, body });
  }
  return { sms: messages[0] as Sent, email: messages[1] as Sent };
}

async function setTemplate(db: Kysely<unknown>, channel: ChannelName, text: Partial<Sent>) {
  await sql`
    update oncebox.template
       set body = coalesce(${text.body ?? null}, body), subject = coalesce(${text.subject ?? null}, subject)
     where kind = 'proftest' and channel = ${channel}`.execute(db);
}

describe("the texts of ProfTest", () => {
  test("greet by name and bring the link", async ({ db }) => {
    const data = { result_url: "https://example.kz/r/1?a=1&b=%20#c" };

    expect(await sentTo(db, { name: "Айгерим", data })).toEqual({
      sms: {
        recipient: PHONE,
        subject: null,
        body: `Айгерим, ваш результат ProfTest готов: ${data.result_url}`,
      },
      email: {
        recipient: EMAIL,
        subject: "Айгерим, ваш результат ProfTest готов",
        body: expect.stringMatching(
          /^Айгерим!\n\n[\s\S]*\nhttps:\/\/example\.kz\/r\/1\?a=1&b=%20#c\n/,
        ),
      },
    });
  });

  test("are whole without a name and without a link", async ({ db }) => {
    const { sms, email } = await sentTo(db, {});

    expect(sms.body).toBe("Здравствуйте, ваш результат ProfTest готов: смотрите в письме");
    expect(email.subject).toBe("Здравствуйте, ваш результат ProfTest готов");
    expect(email.body).not.toMatch(/[{}]/);
  });
});

describe("a name that a stranger wrote", () => {
  const GREETING = "Здравствуйте";
  const names: readonly [what: string, name: string, shown: string][] = [
    ["a link", "win at evil.kz", GREETING],
    ["a link with a scheme", "https://evil.kz/x", GREETING],
    ["a link of full-width letters", "ｅｖｉｌ．ｋｚ", GREETING],
    ["a link behind a zero-width space", "evil\u200b.kz", GREETING],
    ["a Cyrillic domain", "приз.рф", GREETING],
    ["an address", "me@evil.kz", GREETING],
    ["a number to call", "Позвони 8 777 123 45 67", GREETING],
    ["a template tag", "{{constructor}}", GREETING],
    ["a tag of a variable that exists", "{{result_url}}", GREETING],
    ["a script's variable", `\${process.env.SECRET}`, GREETING],
    ["a format", "%s %n", GREETING],
    ["Mobizon's placeholder", "{name}", GREETING],
    ["markup", "<b>Айгерим</b>", GREETING],
    ["SQL", SQL_TEXT, GREETING],
    ["nothing that can be seen", "\u200b\u202e\u2060", GREETING],
    ["an emoji alone", "👩‍👩‍👧‍👦", GREETING],
    ["line breaks", "Айгерим\r\nBcc: evil", "Айгерим Bcc: evil"],
    ["a newline and a tab", "Айгерим\n\tАхметова", "Айгерим Ахметова"],
    ["terminal escapes", "Айгерим\u001b\u0007", "Айгерим"],
    ["bidi controls", "\u202eАйгерим\u202c\u200f", "Айгерим"],
    ["zero-width characters", "Ай\u200bге\u200dрим\ufeff", "Айгерим"],
    ["an emoji beside it", "Айгерим 🎉", "Айгерим 🎉"],
    ["a quote and a hyphen", "Анна-Мария О'Коннор", "Анна-Мария О'Коннор"],
    ["more letters than fit", `${"Ай".repeat(40)}`, "Ай".repeat(20)],
  ];
  for (const [what, name, shown] of names) {
    test(`is shown as a plain name or not at all: ${what}`, async ({ db }) => {
      const { sms, email } = await sentTo(db, { name });

      expect(sms).toMatchObject({
        recipient: PHONE,
        body: `${shown}, ваш результат ProfTest готов: смотрите в письме`,
      });
      expect(email.subject).toBe(`${shown}, ваш результат ProfTest готов`);
      expect(email.recipient).toBe(EMAIL);
    });
  }

  test("piles up no marks", async ({ db }) => {
    const zalgo = [..."Айгерим"].map((it) => it + "\u0336\u0317\u0321\u0310\u0346".repeat(4));

    const { sms } = await sentTo(db, { name: zalgo.join("") });

    expect(sms.body).toMatch(/^А\p{M}{0,2}й\p{M}{0,2}г/u);
    expect(sms.body).not.toMatch(/\p{M}{3}/u);
  });

  test("fits two parts of an SMS, joined emoji and all", async ({ db }) => {
    const name = `Айгерим ${"👩‍👩‍👧‍👦".repeat(12)}`;

    const { sms } = await sentTo(db, { name });

    expect(sms.body).not.toContain("\u200d");
    // 67 UTF-16 units a part.
    expect(sms.body.length).toBeLessThanOrEqual(2 * 67);
  });

  test("is refused from 201 characters on, and 10,000 are not repeated", async ({ db }) => {
    const attempt = register(db, { name: "Айгерим".repeat(1_500) });

    await expect(attempt).rejects.toMatchObject({
      code: "ONCEBOX_LEAD_INVALID",
      message: "name has 10500 characters, wanted at most 200",
    });
  });
});

describe("a value that a stranger wrote", () => {
  const inert = [
    "{{constructor}}",
    "{{name}}",
    "{name}",
    `\${1+1}`,
    "%s%n%d",
    "\\1 $1 $& $$",
    "params[name]=x&a=1+1%20",
    SQL_TEXT,
    "<script>alert(1)</script>",
  ];
  for (const value of inert) {
    test(`stands in the text as it is: ${value}`, async ({ db }) => {
      const { sms, email } = await sentTo(db, { data: { result_url: value } });

      expect(sms.body).toBe(`Здравствуйте, ваш результат ProfTest готов: ${value}`);
      expect(email.body).toContain(`\n${value}\n`);
    });
  }

  test("brings no line, no escape and no invisible character into a text", async ({ db }) => {
    await setTemplate(db, "email", { subject: "{{topic}}" });

    const { email } = await sentTo(db, {
      data: { topic: "a\r\nBcc: evil@evil.kz\u001b[31m\u202e\u200b" },
    });

    expect(email.subject).toBe("a Bcc: evil@evil.kz [31m");
  });

  test("has no power as a key: not in the texts, not on the way into the database", async ({
    db,
  }) => {
    await setTemplate(db, "sms", {
      body: "{{__proto__|a}} {{constructor|b}} {{toString|c}} {{hasOwnProperty|d}}",
    });
    const data = JSON.parse(
      '{"__proto__": {"admin": true}, "constructor": "X", "": "empty", "a\\" \'; --": 1, "результат": "да"}',
    );

    const { sms } = await sentTo(db, { data });

    const { rows } = await sql`select data from oncebox.registration`.execute(db);
    expect(sms.body).toBe("a X c d");
    expect(JSON.stringify((rows[0] as { data: unknown }).data)).toBe(
      JSON.stringify(
        Object.fromEntries(
          Object.entries(data).sort(([a], [b]) => Buffer.byteLength(a) - Buffer.byteLength(b)),
        ),
      ),
    );
  });

  test("named name does not stand in for the name that was checked", async ({ db }) => {
    const { sms } = await sentTo(db, { name: "Айгерим", data: { name: "win at evil.kz" } });
    const unnamed = await sentTo(db, { data: { name: "win at evil.kz" } });

    expect(sms.body).toMatch(/^Айгерим,/);
    expect(unnamed.sms.body).toMatch(/^Здравствуйте,/);
  });
});

describe("SQL in a field", () => {
  test("is stored literally, in every field that takes text", async ({ db }) => {
    const lead = {
      name: SQL_TEXT,
      source: SQL_TEXT,
      idempotencyKey: SQL_TEXT,
      data: { [SQL_TEXT]: SQL_TEXT },
      smsText: SQL_TEXT,
      emailSubject: SQL_TEXT,
      emailText: SQL_TEXT,
    };

    const { sms, email } = await sentTo(db, lead);

    const { rows } = await sql`
      select l.name, r.source, r.idempotency_key as "idempotencyKey", r.data
        from oncebox.registration as r
        join public.landing_leads as l on l.id = r.lead_id`.execute(db);
    const { name, source, idempotencyKey, data } = lead;
    expect(rows).toEqual([{ name, source, idempotencyKey, data }]);
    expect(sms.body).toBe(SQL_TEXT);
    expect(email).toMatchObject({ subject: SQL_TEXT, body: SQL_TEXT });
  });

  for (const field of ["phone", "email", "kind"] as const) {
    test(`is refused where only a ${field} can stand, and does nothing`, async ({ db }) => {
      await expect(register(db, { [field]: SQL_TEXT })).rejects.toMatchObject({
        code: "ONCEBOX_LEAD_INVALID",
        message: expect.stringMatching(new RegExp(`^${field} `)),
      });
      const { rows } = await sql`select count(*) from oncebox.notification`.execute(db);
      expect(rows).toEqual([{ count: "0" }]);
    });
  }
});

describe("a text without end", () => {
  const million = "Б".repeat(500_000);
  const leads: readonly [field: string, lead: Lead][] = [
    ["name", { name: million }],
    ["phone", { phone: "7".repeat(1_000_000) }],
    ["email", { email: `${"a".repeat(1_000_000)}@example.kz` }],
    ["source", { source: million }],
    ["idempotency_key", { idempotencyKey: million }],
    ["kind", { kind: million }],
    ["data", { data: { x: million } }],
    ["data", { data: Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`k${n}`, n])) }],
    ["sms_text", { smsText: million }],
    ["email_text", { emailSubject: million, emailText: "x" }],
    ["email_text", { emailSubject: "x", emailText: million }],
  ];
  for (const [index, [field, lead]] of leads.entries()) {
    test(`is refused by its field, and not repeated: ${field} (${index + 1})`, async ({ db }) => {
      const error = await register(db, lead).catch((it: unknown) => it as Error);

      expect(error).toMatchObject({ code: "ONCEBOX_LEAD_INVALID" });
      expect((error as Error).message).toMatch(new RegExp(`${field}|email_subject`));
      expect((error as Error).message.length).toBeLessThan(300);
    });
  }

  const rendered: readonly [what: string, data: object, message: RegExp][] = [
    [
      "an SMS",
      { result_url: `https://example.kz/${"r".repeat(2_000)}` },
      /sms text longer than 1000 characters/,
    ],
    ["a subject", { topic: "т".repeat(600) }, /email subject longer than 500 characters/],
    ["an email", { story: "т".repeat(6_000) }, /email text longer than 20000 characters/],
  ];
  for (const [what, data, message] of rendered) {
    test(`is refused when only the data makes it so long: ${what}`, async ({ db }) => {
      await setTemplate(db, "email", {
        subject: "{{topic|x}}",
        body: "{{story|x}}".repeat(4),
      });

      await expect(register(db, { data: data as Lead["data"] })).rejects.toMatchObject({
        code: "ONCEBOX_LEAD_INVALID",
        message: expect.stringMatching(message),
        hint: expect.any(String),
      });
    });
  }

  for (const channel of ["sms", "email"] as const) {
    test(`is no text when a template grew so long after the registration: ${channel}`, async ({
      db,
    }) => {
      const leadId = await register(db, { data: { result_url: "r".repeat(500) } });
      const long = channel === "sms" ? "x".repeat(900) : "x".repeat(19_900);
      await setTemplate(db, channel, { body: `${long}{{result_url}}` });

      expect(await claimFor(db, leadId, channel)).toMatchObject({
        verdict: "claimed",
        message: { body: "" },
      });
    });
  }

  const written: readonly [constraint: string, statement: string][] = [
    [
      "notification_body_length",
      "insert into oncebox.notification (lead_id, channel, kind, body) select id, 'sms', 'x', repeat('x', 1001) from landing_leads",
    ],
    [
      "notification_body_length",
      "insert into oncebox.notification (lead_id, channel, kind, body) select id, 'email', 'x', repeat('x', 20001) from landing_leads",
    ],
    [
      "notification_subject_length",
      "insert into oncebox.notification (lead_id, channel, kind, subject) select id, 'email', 'x', repeat('x', 501) from landing_leads",
    ],
    [
      "template_body_length",
      "insert into oncebox.template (kind, channel, body) values ('x', 'sms', repeat('x', 1001))",
    ],
    [
      "template_body_length",
      "update oncebox.template set body = repeat('x', 20001) where channel = 'email'",
    ],
    [
      "template_subject_length",
      "update oncebox.template set subject = repeat('x', 501) where channel = 'email'",
    ],
  ];
  for (const [index, [constraint, statement]] of written.entries()) {
    test(`is refused from every other writer too: ${constraint} (${index + 1})`, async ({ db }) => {
      await register(db, {});

      await expect(sql.raw(statement).execute(db)).rejects.toMatchObject({ constraint });
    });
  }
});

describe("JSON that no text can hold", () => {
  test("is refused by Postgres itself: a NUL in data", async ({ pool }) => {
    await expect(
      pool.query(`select oncebox.register_lead(phone => '${PHONE}', data => '{"x": "a\\u0000b"}')`),
    ).rejects.toMatchObject({ code: "22P05" });
  });
});

describe("a template that a person edited", () => {
  test("is what the next claim sends, with its defaults", async ({ db }) => {
    await setTemplate(db, "sms", {
      body: "Привет, {{ name | друг }}! {{city|Алматы}} {{n}}{{n|0}}",
    });

    const bare = await sentTo(db, { data: { n: 7 } });
    const full = await sentTo(db, { name: "Әсел", data: { n: "7", city: "Астана" } });

    expect(bare.sms.body).toBe("Привет, друг! Алматы 77");
    expect(full.sms.body).toBe("Привет, Әсел! Астана 77");
  });

  test("asks for a new variable from the next registration on, and sends the old ones without", async ({
    db,
  }) => {
    const before = await register(db, { idempotencyKey: "before" });
    await setTemplate(db, "sms", { body: "Код {{code}}." });

    const claimed = await claimFor(db, before, "sms");

    expect(claimed).toMatchObject({ verdict: "claimed", message: { body: "Код ." } });
    await expect(register(db, {})).rejects.toMatchObject({
      code: "ONCEBOX_TEMPLATE_VARIABLE_MISSING",
      message: expect.stringContaining("code"),
    });
  });

  test("is told of once where the SMS and the email both want it", async ({ db }) => {
    await setTemplate(db, "sms", { body: "{{pin}} {{code}}" });
    await setTemplate(db, "email", { subject: "{{code}}", body: "{{city}}, {{known}}" });

    await expect(register(db, { data: { known: 1 } })).rejects.toMatchObject({
      code: "ONCEBOX_TEMPLATE_VARIABLE_MISSING",
      message: expect.stringContaining("texts need city, code, pin, which"),
    });
  });

  test("takes a name that may not be shown for a missing one", async ({ db }) => {
    await setTemplate(db, "sms", { body: "{{name}}, привет" });

    await expect(register(db, { name: "win at evil.kz" })).rejects.toMatchObject({
      code: "ONCEBOX_TEMPLATE_VARIABLE_MISSING",
      message: expect.stringContaining("name"),
    });
  });

  test("that was deleted after the registration leaves no text to send", async ({ db }) => {
    const leadId = await register(db, {});
    await sql`delete from oncebox.template`.execute(db);

    expect(await claimFor(db, leadId, "sms")).toMatchObject({ message: { body: "" } });
    expect(await claimFor(db, leadId, "email")).toMatchObject({
      message: { subject: "", body: "" },
    });
  });
});
