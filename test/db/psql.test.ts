import { spawnSync } from "node:child_process";
import type pg from "pg";
import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";
import { type Ended, run } from "./support/oncebox.ts";

const PSQL = "psql";
const version = spawnSync(PSQL, ["--version"], { encoding: "utf8" });
const NO_PSQL = version.status === 0 ? null : "there is no psql on this machine";

/** As in design.md, with the phone and the name of a test. */
const REGISTER_LEAD = `
select lead_id, created from oncebox.register_lead(
  name => 'Айгерим', phone => '+7 777 123 45 67', email => 'a@example.kz', source => 'proftest',
  idempotency_key => 'form-8f2c', due_at => now() + interval '10 minutes', data => '{"result_url": "https://example.kz/r/1"}');`;

const REGISTER_LEADS = `
select * from oncebox.register_leads('[{"name": "Айгерим", "phone": "+7 777 123 45 67"}, {"email": "d@example.kz"}]'::jsonb);`;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Runs the statements in psql, as a person with a terminal in UTF-8 would. */
async function psql(databaseUrl: string, statements: string, ...flags: string[]): Promise<Ended> {
  return await run(
    PSQL,
    ["--no-psqlrc", "--set", "ON_ERROR_STOP=1", ...flags, "--command", statements, databaseUrl],
    { PGCLIENTENCODING: "UTF8" },
  );
}

async function rowsOf(pool: pg.Pool, query: string): Promise<object[]> {
  return (await pool.query<object>(query)).rows;
}

const countsOf = (pool: pg.Pool) =>
  rowsOf(
    pool,
    `select (select count(*)::int from landing_leads) as leads,
            (select count(*)::int from oncebox.registration) as registrations,
            (select count(*)::int from oncebox.notification) as notifications,
            (select count(*)::int from graphile_worker.jobs) as jobs`,
  );

const NOTHING = { leads: 0, registrations: 0, notifications: 0, jobs: 0 };

/** The ways in that need no library: psql where there is one, and plain text over any driver. */
interface Way {
  readonly name: string;
  readonly missing: string | null;
  /** The values, a row a line, between them "|". */
  query(databaseUrl: string, pool: pg.Pool, statements: string): Promise<string[]>;
}

const WAYS: readonly Way[] = [
  {
    name: "psql",
    missing: NO_PSQL,
    query: async (databaseUrl, _pool, statements) => {
      const ended = await psql(databaseUrl, statements, "--quiet", "--tuples-only", "--no-align");
      expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
      return ended.stdout.trim().split("\n");
    },
  },
  {
    name: "plain SQL over pg",
    missing: null,
    query: async (_databaseUrl, pool, statements) => {
      const result = await pool.query<unknown[]>({ text: statements, rowMode: "array" });
      return result.rows.map((row) =>
        row.map((it) => (it === null ? "" : it === true ? "t" : it === false ? "f" : it)).join("|"),
      );
    },
  },
];

for (const way of WAYS) {
  const skip = way.missing ?? "";
  describe.skipIf(way.missing !== null)(`through ${way.name}${skip && ` (${skip})`}`, () => {
    test("register_lead registers as the design says, and once", async ({ databaseUrl, pool }) => {
      const first = await way.query(databaseUrl, pool, REGISTER_LEAD);
      const again = await way.query(databaseUrl, pool, REGISTER_LEAD);

      const [leadId = "", created] = (first[0] ?? "").split("|");
      expect(first).toHaveLength(1);
      expect(leadId).toMatch(UUID);
      expect(created).toBe("t");
      expect(again).toEqual([`${leadId}|f`]);
      expect(await countsOf(pool)).toEqual([
        { leads: 1, registrations: 1, notifications: 2, jobs: 2 },
      ]);
      expect(
        await rowsOf(
          pool,
          `select l.name, l.phone, r.source, r.idempotency_key, r.data, n.channel, n.due_at - n.created_at = '10 minutes' as later
             from landing_leads as l
             join oncebox.registration as r on r.lead_id = l.id
             join oncebox.notification as n on n.lead_id = l.id and n.channel = 'sms'`,
        ),
      ).toEqual([
        {
          name: "Айгерим",
          phone: "+77771234567",
          source: "proftest",
          idempotency_key: "form-8f2c",
          data: { result_url: "https://example.kz/r/1" },
          channel: "sms",
          later: true,
        },
      ]);
    });

    test("register_leads registers many, a row each in their order", async ({
      databaseUrl,
      pool,
    }) => {
      const rows = (await way.query(databaseUrl, pool, REGISTER_LEADS)).map((it) => it.split("|"));

      expect(rows).toEqual([
        ["1", expect.stringMatching(UUID), "t", ""],
        ["2", expect.stringMatching(UUID), "t", ""],
      ]);
      expect(await countsOf(pool)).toEqual([
        { leads: 2, registrations: 2, notifications: 2, jobs: 2 },
      ]);
    });

    test("a row of oncebox.notification gets its job, recipient and text in the end", async ({
      databaseUrl,
      pool,
    }) => {
      await way.query(
        databaseUrl,
        pool,
        `with lead as (
           insert into landing_leads (name, phone) values ('Айгерим', '8 777 123 45 67') returning id
         )
         select count(*) from lead`,
      );

      const rows = await way.query(
        databaseUrl,
        pool,
        `insert into oncebox.notification (lead_id, channel, due_at)
         select id, 'sms', now() + interval '1 hour' from landing_leads
         returning channel, kind, recipient, state`,
      );

      expect(rows).toEqual(["sms|proftest|+77771234567|pending"]);
      expect(
        await rowsOf(
          pool,
          `select j.task_identifier as task, j.run_at = n.due_at as on_time
             from oncebox.notification as n join graphile_worker.jobs as j on j.key = 'oncebox:' || n.id`,
        ),
      ).toEqual([{ task: "oncebox_sms", on_time: true }]);
    });
  });
}

describe.skipIf(NO_PSQL !== null)(
  `at psql's prompt${NO_PSQL === null ? "" : ` (${NO_PSQL})`}`,
  () => {
    const PHONE = "+7 727 258 30 43";
    const refused: readonly [what: string, statement: string, output: string][] = [
      [
        "a landline",
        `select oncebox.register_lead(name => 'Айгерим', phone => '${PHONE}')`,
        "ERROR:  phone cannot get an SMS: got 16 characters, wanted one mobile number such as +7 777 123 45 67\n" +
          "HINT:  Give a mobile number; this is a landline or a service number.\n",
      ],
      [
        "two addresses",
        "select oncebox.register_lead(email => 'secret@example.kz,other@example.kz')",
        "ERROR:  email holds more than one address: got 34 characters, wanted one plain address such as name@example.kz\n" +
          "HINT:  Choose one; one lead gets one email.\n",
      ],
      [
        "no way to reach the lead",
        "select oncebox.register_lead(name => 'Айгерим')",
        "ERROR:  the lead has neither phone nor email, so it could get nothing\n" +
          "HINT:  Give at least one of the two.\n",
      ],
      [
        "one wrong record among many",
        `select * from oncebox.register_leads('[{"email": "a@example.kz"}, {"phone": "${PHONE}"}]')`,
        "ERROR:  record 2: phone cannot get an SMS: got 16 characters, wanted one mobile number such as +7 777 123 45 67\n" +
          "HINT:  Give a mobile number; this is a landline or a service number.\n",
      ],
      [
        "what is no list",
        `select * from oncebox.register_leads('{"phone": "${PHONE}"}')`,
        "ERROR:  leads is object, wanted a JSON array of objects\n" +
          'HINT:  Pass [{"name": .., "phone": .., "email": ..}, ..].\n',
      ],
      [
        "a notification for a lead without a phone",
        "insert into landing_leads (email) values ('secret@example.kz'); insert into oncebox.notification (lead_id, channel) select id, 'sms' from landing_leads",
        "ERROR:  the lead has no phone\nHINT:  Give recipient, or give the lead a phone first.\n",
      ],
    ];
    for (const [what, statement, output] of refused) {
      test(`a refusal says what is wrong and what to do, and names nobody: ${what}`, async ({
        databaseUrl,
        pool,
      }) => {
        const ended = await psql(databaseUrl, statement);

        // Below it psql prints where in which function it was raised.
        const said = ended.stderr.slice(0, ended.stderr.indexOf("CONTEXT:"));
        expect(ended.exitCode).not.toBe(0);
        expect(said).toBe(output);
        for (const secret of ["258", "secret", "Айгерим"])
          expect(ended.stderr).not.toContain(secret);
        expect(await countsOf(pool)).toEqual([NOTHING]);
      });
    }

    test("a key that was used for another lead is refused with the first lead kept", async ({
      databaseUrl,
      pool,
    }) => {
      await psql(databaseUrl, REGISTER_LEAD);

      const ended = await psql(databaseUrl, REGISTER_LEAD.replace("Айгерим", "Данияр"));

      expect(ended.stderr).toMatch(
        /^ERROR: {2}idempotency_key .* belongs to a registration with other content\nHINT: {2}Send the same content again/,
      );
      expect(ended.stderr).not.toMatch(/Айгерим|Данияр|777/);
      expect(await countsOf(pool)).toMatchObject([{ leads: 1, notifications: 2 }]);
    });

    test("a transaction that is rolled back leaves nothing, and one that is committed all", async ({
      databaseUrl,
      pool,
    }) => {
      await psql(databaseUrl, `begin; ${REGISTER_LEAD} ${REGISTER_LEADS} rollback;`);
      const rolledBack = await countsOf(pool);
      await psql(databaseUrl, `begin; ${REGISTER_LEAD} ${REGISTER_LEADS} commit;`);

      expect(rolledBack).toEqual([NOTHING]);
      expect(await countsOf(pool)).toMatchObject([{ leads: 3, notifications: 4, jobs: 4 }]);
    });

    test("a refusal inside a transaction takes back what came before it", async ({
      databaseUrl,
      pool,
    }) => {
      const ended = await psql(
        databaseUrl,
        `begin; ${REGISTER_LEAD} select oncebox.register_lead(phone => '${PHONE}'); commit;`,
      );

      expect(ended.exitCode).not.toBe(0);
      expect(await countsOf(pool)).toEqual([NOTHING]);
    });

    test("a refused record can be skipped, and is told by its place", async ({
      databaseUrl,
      pool,
    }) => {
      const ended = await psql(
        databaseUrl,
        `select record, created, problem ->> 'code' as code, problem ->> 'field' as field
         from oncebox.register_leads('[{"phone": "${PHONE}"}, {"email": "a@example.kz"}]', skip_refused => true)`,
        "--tuples-only",
        "--no-align",
      );

      expect(ended.stdout).toBe("1||OB001|phone\n2|t||\n");
      expect(await countsOf(pool)).toMatchObject([{ leads: 1 }]);
    });
  },
);
