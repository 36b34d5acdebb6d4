import { randomBytes } from "node:crypto";
import type pg from "pg";
import { describe, expect } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { openPool } from "../support/database.ts";
import { test as base } from "../support/fixture.ts";
import { readShape } from "./support/catalog.ts";
import { oncebox } from "./support/oncebox.ts";

/** As a site made it years ago: columns of its own, short texts, flags that may be null, no email flags. */
const OLD_TABLE = `
  create table public.landing_leads (
    id          uuid primary key,
    "utm source" text,
    name        varchar(60),
    phone       varchar(20),
    email       varchar,
    sms_sent    boolean,
    sms_sent_at timestamptz,
    created_at  timestamptz default clock_timestamp()
  );
  insert into public.landing_leads (id, "utm source", name, phone, email, sms_sent, sms_sent_at, created_at) values
    ('00000000-0000-4000-8000-000000000001', 'ads',  'Айгерим', '+7 777 123 45 67', 'a@example.kz', true,  now() - interval '1 hour', now() - interval '2 hours'),
    ('00000000-0000-4000-8000-000000000002', null,   'Данияр',  '8 701 111 22 33',  null,           false, null,                      now() - interval '1 hour'),
    ('00000000-0000-4000-8000-000000000003', 'ads',  'Мадина',  'not a phone',      'm@example.kz', null,  null,                      now() - interval '3 hours'),
    ('00000000-0000-4000-8000-000000000004', 'mail', 'Олжас',   '+77770000000',     null,           true,  now() - interval '3 days', now() - interval '3 days')`;

/** The check that a DBA already knows, as design.md has it. */
const DBA_CHECK =
  "SELECT id, name, phone, sms_sent, sms_sent_at, created_at FROM landing_leads WHERE created_at > now() - interval '24 hours' AND sms_sent";

const test = base.extend<{ readonly emptyPool: pg.Pool }>({
  emptyPool: async ({ emptyDatabaseUrl }, use) => {
    const pool = openPool(emptyDatabaseUrl);
    await use(pool);
    await pool.end();
  },
});

async function rowsOf(pool: pg.Pool, query: string): Promise<object[]> {
  return (await pool.query<object>(query)).rows;
}

const columnsOf = (pool: pg.Pool) =>
  rowsOf(
    pool,
    `select column_name, data_type, is_nullable, column_default
       from information_schema.columns
      where table_schema = 'public' and table_name = 'landing_leads'
      order by ordinal_position`,
  );

describe("a live landing_leads", () => {
  test("gets the missing columns and no other change", async ({ emptyPool: pool }) => {
    await pool.query(OLD_TABLE);
    const before = await columnsOf(pool);

    await migrate(pool);

    expect(await columnsOf(pool)).toEqual([
      ...before,
      {
        column_name: "email_sent",
        data_type: "boolean",
        is_nullable: "NO",
        column_default: "false",
      },
      {
        column_name: "email_sent_at",
        data_type: "timestamp with time zone",
        is_nullable: "YES",
        column_default: null,
      },
    ]);
  });

  test("keeps every value of every row", async ({ emptyPool: pool }) => {
    await pool.query(OLD_TABLE);
    const all =
      'select id, "utm source", name, phone, email, sms_sent, sms_sent_at, created_at from landing_leads order by id';
    const before = await rowsOf(pool, all);

    await migrate(pool);

    expect(before).toHaveLength(4);
    expect(await rowsOf(pool, all)).toEqual(before);
    expect(await rowsOf(pool, "select from oncebox.notification")).toEqual([]);
  });

  test("answers the DBA's own check as before, and with what oncebox sent", async ({
    emptyPool: pool,
  }) => {
    await pool.query(OLD_TABLE);
    const before = await rowsOf(pool, DBA_CHECK);

    await migrate(pool);
    const after = await rowsOf(pool, DBA_CHECK);
    const { notificationId } = await registerAndClaim(pool);
    const claimed = await rowsOf(pool, DBA_CHECK);
    await pool.query("select oncebox.settle($1, 1, 'accepted', 'sent')", [notificationId]);
    const sent = await rowsOf(pool, DBA_CHECK);

    expect(before).toMatchObject([{ name: "Айгерим", sms_sent: true }]);
    expect(after).toEqual(before);
    expect(claimed).toMatchObject([
      { name: "Айгерим" },
      { name: "Ержан", phone: "+77011112233", sms_sent: true, sms_sent_at: null },
    ]);
    expect(sent).toMatchObject([
      { name: "Айгерим" },
      { name: "Ержан", sms_sent: true, sms_sent_at: expect.any(Date) },
    ]);
  });

  test("takes a registration beside the old rows, in one form", async ({ emptyPool: pool }) => {
    await pool.query(OLD_TABLE);
    await migrate(pool);

    const { leadId } = await registerAndClaim(pool);

    expect(await rowsOf(pool, `select * from landing_leads where id = '${leadId}'`)).toEqual([
      {
        id: leadId,
        "utm source": null,
        name: "Ержан",
        phone: "+77011112233",
        email: "e@example.kz",
        sms_sent: true,
        sms_sent_at: null,
        email_sent: false,
        email_sent_at: null,
        created_at: expect.any(Date),
      },
    ]);
  });

  test("never sends a lead what the old backend has sent already", async ({ emptyPool: pool }) => {
    await pool.query(OLD_TABLE);
    await migrate(pool);
    await pool.query(`
      insert into oncebox.notification (lead_id, channel)
      select id, 'sms' from landing_leads where phone ~ '^[+8]' order by id`);

    const verdicts = await claimAll(pool);

    expect(verdicts).toEqual([
      { name: "Айгерим", verdict: "already_sent" },
      { name: "Данияр", verdict: "claimed" },
      { name: "Олжас", verdict: "already_sent" },
    ]);
  });

  test("takes a lead whose flag is null for one that was not sent", async ({ emptyPool: pool }) => {
    await pool.query(OLD_TABLE);
    await migrate(pool);
    await pool.query(`
      update landing_leads set phone = '+77012223344' where name = 'Мадина';
      insert into oncebox.notification (lead_id, channel) select id, 'sms' from landing_leads where name = 'Мадина'`);

    expect(await claimAll(pool)).toEqual([{ name: "Мадина", verdict: "claimed" }]);
    expect(await rowsOf(pool, "select sms_sent from landing_leads where name = 'Мадина'")).toEqual([
      { sms_sent: true },
    ]);
  });

  test("refuses an old phone that is none when a person asks for an SMS to it", async ({
    emptyPool: pool,
  }) => {
    await pool.query(OLD_TABLE);
    await migrate(pool);

    const insert = pool.query(
      "insert into oncebox.notification (lead_id, channel) select id, 'sms' from landing_leads where name = 'Мадина'",
    );

    await expect(insert).rejects.toMatchObject({
      code: "OB001",
      message: expect.stringMatching(/^phone has characters that no number has/),
      hint: expect.any(String),
    });
  });

  test("of the id alone gets all the rest, and its old rows no time of coming in", async ({
    emptyPool: pool,
  }) => {
    await pool.query(`
      create table public.landing_leads (id uuid not null, note text);
      create unique index on public.landing_leads (id) include (note);
      insert into public.landing_leads values ('00000000-0000-4000-8000-000000000001', 'old')`);

    await migrate(pool);
    await registerAndClaim(pool);

    expect(
      await rowsOf(
        pool,
        "select note, name, sms_sent, email_sent, created_at from landing_leads order by note",
      ),
    ).toEqual([
      { note: "old", name: null, sms_sent: false, email_sent: false, created_at: null },
      {
        note: null,
        name: "Ержан",
        sms_sent: true,
        email_sent: false,
        created_at: expect.any(Date),
      },
    ]);
    expect(await rowsOf(pool, DBA_CHECK)).toMatchObject([{ name: "Ержан" }]);
  });

  test("is not rewritten, so that a big one holds up the site for moments only", async ({
    emptyPool: pool,
  }) => {
    await pool.query(OLD_TABLE);
    const file = "select pg_relation_filenode('public.landing_leads') as file";
    const before = await rowsOf(pool, file);

    await migrate(pool);

    expect(await rowsOf(pool, file)).toEqual(before);
  });
});

describe("columns of others", () => {
  test("do not matter where a registration can leave them out", async ({ emptyPool: pool }) => {
    await pool.query(`${OLD_TABLE};
      create domain public.stars as integer not null default 5;
      alter table landing_leads
        add column number bigint generated always as identity,
        add column utm text not null default 'none',
        add column stars public.stars,
        add column upper_name text generated always as (upper(name)) stored;
      alter table landing_leads alter sms_sent_at set default now()`);

    await migrate(pool);
    const { leadId } = await registerAndClaim(pool);

    expect(
      await rowsOf(
        pool,
        `select utm, stars, upper_name, sms_sent_at from landing_leads where id = '${leadId}'`,
      ),
    ).toEqual([{ utm: "none", stars: 5, upper_name: "ЕРЖАН", sms_sent_at: null }]);
  });
});

describe("a landing_leads that cannot be adopted", () => {
  const all = (changes: string) => `${OLD_TABLE}; ${changes}`;
  const refused: readonly [what: string, table: string, found: RegExp][] = [
    [
      "an id that is a bigint",
      "create table public.landing_leads (id bigint primary key, name text)",
      /: column id is bigint, wanted uuid$/,
    ],
    [
      "a flag that is an integer",
      all("alter table landing_leads alter column sms_sent type integer using 0"),
      /: column sms_sent is integer, wanted boolean$/,
    ],
    [
      "a time without a zone",
      all("alter table landing_leads alter column sms_sent_at type timestamp"),
      /: column sms_sent_at is timestamp without time zone, wanted timestamp with time zone$/,
    ],
    [
      "no unique index on the id",
      all("alter table landing_leads drop constraint landing_leads_pkey"),
      /: column id has no primary key or unique index, wanted one on id alone$/,
    ],
    [
      "an index on the id that is unique for some rows only",
      all(
        "alter table landing_leads drop constraint landing_leads_pkey; create unique index on landing_leads (id) where sms_sent",
      ),
      /: column id has no primary key or unique index/,
    ],
    [
      "an index on the id beside another column",
      all(
        "alter table landing_leads drop constraint landing_leads_pkey; create unique index on landing_leads (id, name)",
      ),
      /: column id has no primary key or unique index/,
    ],
    [
      "an id that is checked at commit only",
      all(
        "alter table landing_leads drop constraint landing_leads_pkey; alter table landing_leads add primary key (id) deferrable",
      ),
      /: column id has no primary key or unique index/,
    ],
    [
      "no id at all",
      "create table public.landing_leads (name text)",
      /: column id has no primary key or unique index/,
    ],
    [
      "a phone that is a bigint",
      all("alter table landing_leads alter column phone type bigint using 7"),
      /: column phone is bigint, wanted text$/,
    ],
    [
      "several of these at once",
      "create table public.landing_leads (id bigint, phone bigint, email_sent smallint)",
      /: column email_sent is smallint, wanted boolean; column id has no primary key .*; column id is bigint, wanted uuid; column phone is bigint, wanted text$/,
    ],
    [
      "a view of that name",
      "create view public.landing_leads as select gen_random_uuid() as id",
      /: column id has no primary key or unique index.*; it is a view, wanted an ordinary table$/,
    ],
    [
      "a table that a crash empties",
      all("alter table landing_leads set unlogged"),
      /: it is unlogged, wanted a table that outlives a crash$/,
    ],
    [
      "a column of others that no registration would fill",
      all(
        `delete from landing_leads; alter table landing_leads add column "Utm" text not null, add column n integer not null`,
      ),
      /: column "Utm" is not null without a default, wanted a default or null: every registration would fail; column n is not null/,
    ],
    [
      "a time of sending that may not be empty",
      all("delete from landing_leads; alter table landing_leads alter sms_sent_at set not null"),
      /: column sms_sent_at is not null, wanted one that may be null$/,
    ],
    [
      "a flag that is computed",
      all(
        "alter table landing_leads drop sms_sent, add sms_sent boolean generated always as (sms_sent_at is not null) stored",
      ),
      /: column sms_sent is generated, wanted one that can be written$/,
    ],
    [
      "a phone too short for a whole number",
      all("alter table landing_leads alter phone type varchar(15) using left(phone, 15)"),
      /: column phone is character varying\(15\), wanted text or at least character varying\(16\)$/,
    ],
  ];
  for (const [what, table, found] of refused) {
    test(`is refused, and the database left as it was: ${what}`, async ({ emptyPool: pool }) => {
      await pool.query(table);
      const before = await readShape(pool);

      await expect(migrate(pool)).rejects.toMatchObject({
        code: "ONCEBOX_SCHEMA_UNADOPTABLE",
        message: expect.stringMatching(found),
        hint: expect.stringContaining("Nothing was changed."),
      });

      expect(await readShape(pool)).toEqual(before);
    });
  }

  test("is refused to a role that may not alter it", async ({ emptyDatabaseUrl, emptyPool }) => {
    const role = `adopter_${randomBytes(4).toString("hex")}`;
    await emptyPool.query(`${OLD_TABLE}; create role ${role} login;
      grant all on public.landing_leads to ${role};
      do $$ begin execute format('grant create on database %I to ${role}', current_database()); end $$`);
    const url = new URL(emptyDatabaseUrl);
    url.searchParams.set("options", `-c role=${role}`);
    const pool = openPool(url.href);

    await expect(migrate(pool)).rejects.toMatchObject({
      code: "ONCEBOX_SCHEMA_UNADOPTABLE",
      message: expect.stringMatching(
        `: it belongs to \\w+, wanted ${role} to be a member of that role$`,
      ),
    });

    expect(await rowsOf(emptyPool, "select to_regnamespace('graphile_worker') as made")).toEqual([
      { made: null },
    ]);
    await pool.end();
    await emptyPool.query(`drop owned by ${role}; drop role ${role}`);
  });

  test("is adopted once what was named is changed", async ({ emptyPool: pool }) => {
    await pool.query(all("alter table landing_leads alter column sms_sent_at type timestamp"));
    await expect(migrate(pool)).rejects.toThrow(/sms_sent_at/);

    await pool.query("alter table landing_leads alter column sms_sent_at type timestamptz");

    expect(await migrate(pool)).toContain("0001_outbox");
  });

  test("is told on the command line by code, fact and fix", async ({
    emptyDatabaseUrl,
    emptyPool,
  }) => {
    await emptyPool.query("create table public.landing_leads (id bigint primary key)");

    const { exitCode, stdout, stderr } = await oncebox(["migrate", "up"], {
      DATABASE_URL: emptyDatabaseUrl,
    });

    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr.split("\n")).toEqual([
      "ONCEBOX_SCHEMA_UNADOPTABLE: public.landing_leads cannot be adopted as it is: column id is bigint, wanted uuid",
      expect.stringMatching(/^Change what is named.* Nothing was changed\.$/),
      "",
    ]);
  });
});

const WORKER = "00000000-0000-4000-8000-00000000000a";

async function signOnOnce(pool: pg.Pool): Promise<void> {
  await pool.query(
    "insert into oncebox.worker (id, pid, version) values ($1, 1, 'test') on conflict do nothing",
    [WORKER],
  );
}

/** One lead by way of `register_lead`, and the claim of its SMS. */
async function registerAndClaim(
  pool: pg.Pool,
): Promise<{ leadId: string; notificationId: string }> {
  await signOnOnce(pool);
  const { rows } = await pool.query<{ leadId: string; notificationId: string; verdict: string }>(
    `with registered as materialized (
       select lead_id from oncebox.register_lead(
         name => 'Ержан', phone => '8 701 111 22 33', email => 'e@example.kz', due_at => now())
     )
     select lead_id as "leadId" from registered`,
  );
  const leadId = rows[0]?.leadId as string;
  const claimed = await pool.query<{ id: string; verdict: string }>(
    `select n.id::text as id, c.verdict
       from oncebox.notification as n
      cross join lateral oncebox.claim(n.id, $2, gen_random_uuid(), '1 minute', '30 seconds', null, true) as c
      where n.lead_id = $1 and n.channel = 'sms'`,
    [leadId, WORKER],
  );
  expect(claimed.rows).toMatchObject([{ verdict: "claimed" }]);
  return { leadId, notificationId: claimed.rows[0]?.id as string };
}

async function claimAll(pool: pg.Pool): Promise<object[]> {
  await signOnOnce(pool);
  return await rowsOf(
    pool,
    `select l.name, c.verdict
       from (select n.id, n.lead_id from oncebox.notification as n order by n.id) as n
      cross join lateral oncebox.claim(n.id, '${WORKER}', gen_random_uuid(), '1 minute', '30 seconds', null, true) as c
       join landing_leads as l on l.id = n.lead_id
      order by n.id`,
  );
}
