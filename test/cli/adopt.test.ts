import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type pg from "pg";
import { describe, expect } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { type Ended, oncebox } from "../db/support/oncebox.ts";
import { openPool } from "../support/database.ts";
import { test as base } from "../support/fixture.ts";
import { until } from "../support/until.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** What another program left: flags that may be null, and texts as people typed them. */
const OLD_LEADS = `
  create table public.landing_leads (
    id uuid primary key default gen_random_uuid(), name text, phone text, email text,
    sms_sent boolean, sms_sent_at timestamptz, created_at timestamptz);
  insert into landing_leads (name, phone, email, sms_sent, sms_sent_at, created_at) values
    ('Never',    '8 701 000 00 01', 'never@example.kz', false, null,  now() - interval '3 hours'),
    ('Null',     '8 701 000 00 02', null,               null,  null,  now() - interval '2 hours'),
    ('Sent',     '8 701 000 00 03', null,               true,  now(), now() - interval '2 hours'),
    ('Timed',    '8 701 000 00 04', ' ',                false, now(), now() - interval '2 hours'),
    ('Bad',      'call me',         'bad',              false, null,  now() - interval '2 hours'),
    ('Young',    '8 701 000 00 05', null,               false, null,  now() - interval '1 minute'),
    ('Old',      '8 701 000 00 06', null,               false, null,  now() - interval '3 days'),
    ('Undated',  '8 701 000 00 07', null,               false, null,  null)`;

const test = base.extend<{ readonly old: pg.Pool }>({
  old: async ({ emptyDatabaseUrl }, use) => {
    const pool = openPool(emptyDatabaseUrl);
    await pool.query(OLD_LEADS);
    await migrate(pool);
    await use(pool);
    await pool.end();
  },
});

async function adopt(databaseUrl: string, ...args: string[]): Promise<Ended> {
  return await oncebox(["adopt", ...args], { DATABASE_URL: databaseUrl });
}

async function takenOver(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ it: string }>(
    `select l.name || ' ' || n.channel || ' ' || n.recipient as it
       from oncebox.notification as n join landing_leads as l on l.id = n.lead_id order by it`,
  );
  return rows.map(({ it }) => it);
}

/** More old leads, so that taking them over needs several transactions. */
async function addLeads(pool: pg.Pool, count: number): Promise<void> {
  await pool.query(
    `insert into landing_leads (phone, sms_sent, created_at)
     select '+7702' || lpad(n::text, 7, '0'), false, now() - interval '1 hour' from generate_series(1, $1::integer) as n`,
    [count],
  );
}

const NEVER_SENT = [
  "Never email never@example.kz",
  "Never sms +77010000001",
  "Null sms +77010000002",
  "Young sms +77010000005",
];

describe("oncebox adopt", () => {
  test("counts and shows by default, masked, and changes nothing", async ({
    emptyDatabaseUrl,
    old,
  }) => {
    const text = await adopt(emptyDatabaseUrl, "--since", "2 days");
    const json = await adopt(emptyDatabaseUrl, "--since", "2 days", "--json");

    expect([text.exitCode, text.stderr, json.exitCode]).toEqual([0, "", 0]);
    expect(text.stdout).toContain("3 leads to take over\nnothing was changed; add --apply");
    expect(text.stdout).toContain("+7701•••••01");
    expect(text.stdout + json.stdout).not.toMatch(/never@|7010000001|701 000|Never/);
    expect(JSON.parse(json.stdout)).toMatchObject({
      applied: false,
      leads: 3,
      counts: {
        sms: { adopt: 3, already_sent: 2, bad_recipient: 1, no_recipient: 0, has_row: 0 },
        email: { adopt: 1, already_sent: 0, bad_recipient: 1, no_recipient: 4 },
      },
    });
    expect(await takenOver(old)).toEqual([]);
  });

  test("takes over what was never sent, once, and says who did it", async ({
    emptyDatabaseUrl,
    old,
  }) => {
    const first = await adopt(emptyDatabaseUrl, "--since", "2 days", "--apply", "--json");
    const second = await adopt(emptyDatabaseUrl, "--since", "2 days", "--apply", "--json");

    expect(JSON.parse(first.stdout)).toMatchObject({ applied: true, leads: 3, notifications: 4 });
    expect(JSON.parse(second.stdout)).toMatchObject({ applied: true, leads: 0, notifications: 0 });
    expect(await takenOver(old)).toEqual(NEVER_SENT);
    const { rows } = await old.query(
      `select count(*)::integer as audits, count(distinct a.actor)::integer as actors,
              (select count(*)::integer from graphile_worker.jobs where key like 'oncebox:%') as jobs,
              (select count(*)::integer from landing_leads where sms_sent or email_sent) as flags
         from oncebox.audit as a where a.action = 'adopt'`,
    );
    expect(rows).toEqual([{ audits: 4, actors: 1, jobs: 4, flags: 1 }]);
  });

  test("leaves an old sender that is under way the time to set its flag", async ({
    emptyDatabaseUrl,
    old,
  }) => {
    await adopt(emptyDatabaseUrl, "--since", "2 days", "--channel", "sms", "--apply");

    const { rows } = await old.query(
      `select l.name,
              case l.name when 'Young' then n.due_at = l.created_at + interval '12 minutes'
                          else n.due_at = n.created_at + interval '2 minutes' end as "isOnTime"
         from oncebox.notification as n join landing_leads as l on l.id = n.lead_id order by 1`,
    );
    expect(rows).toEqual([
      { name: "Never", isOnTime: true },
      { name: "Null", isOnTime: true },
      { name: "Young", isOnTime: true },
    ]);
  });

  test("takes the channel, the window and the time it is given", async ({
    emptyDatabaseUrl,
    old,
  }) => {
    const args = ["--since", "4 days", "--channel", "sms", "--due", "now", "--apply"];

    await adopt(emptyDatabaseUrl, ...args);

    expect(await takenOver(old)).toEqual([
      "Never sms +77010000001",
      "Null sms +77010000002",
      "Old sms +77010000006",
      "Young sms +77010000005",
    ]);
    const { rows } = await old.query(
      'select bool_and(due_at <= now()) as "areDue" from oncebox.notification',
    );
    expect(rows).toEqual([{ areDue: true }]);
  });

  test("leaves a registered lead and one with a row of another kind alone", async ({
    emptyDatabaseUrl,
    old,
  }) => {
    await old.query(`
      select from oncebox.register_lead(phone => '+77019999999');
      update landing_leads set email = 'later@example.kz' where phone = '+77019999999';
      insert into oncebox.notification (lead_id, channel, kind, body)
      select id, 'sms', 'other', 'Текст' from landing_leads where name = 'Never'`);

    const { stdout } = await adopt(emptyDatabaseUrl, "--since", "2 days", "--json");

    expect(JSON.parse(stdout)).toMatchObject({
      leads: 3,
      counts: { sms: { adopt: 2, has_row: 2 }, email: { adopt: 1, has_row: 1 } },
    });
  });

  test("refuses more than its limit before it changes anything", async ({
    emptyDatabaseUrl,
    old,
  }) => {
    const args = ["--since", "2 days", "--limit", "2"];

    const dry = await adopt(emptyDatabaseUrl, ...args);
    const refused = await adopt(emptyDatabaseUrl, ...args, "--apply");

    expect([dry.exitCode, refused.exitCode]).toEqual([0, 1]);
    expect(dry.stdout).toContain("--apply would refuse: --limit is 2");
    expect(refused.stderr).toMatch(
      /^ONCEBOX_MOVE_REFUSED: 3 leads would be taken over, --limit is 2; nothing was changed\n.*higher --limit/,
    );
    expect(await takenOver(old)).toEqual([]);
  });

  test("says what a kind lacks", async ({ emptyDatabaseUrl, old }) => {
    await old.query(
      "insert into oncebox.template (kind, channel, body) values ('link', 'sms', 'Ваш результат: {{result_url}}')",
    );

    const { stdout } = await adopt(
      emptyDatabaseUrl,
      "--since",
      "2 days",
      "--kind",
      "link",
      "--json",
    );

    expect(JSON.parse(stdout)).toMatchObject({
      leads: 0,
      counts: { sms: { adopt: 0, variable_missing: 3 }, email: { adopt: 0, no_template: 1 } },
    });
  });

  const wrong: readonly [args: string[], message: RegExp][] = [
    [["--since", "yesterdayish"], /--since is "yesterdayish", wanted an interval such as "2 days"/],
    [["--since=-1 day"], /--since is "-1 day"/],
    [["--since", "1 day", "--due", "soon"], /--due is "soon", wanted now, or a time/],
    [["--since", "1 day", "--limit", "0"], /--limit is "0", wanted 1 to 9999999/],
    [[], /required option '--since <time>'/],
  ];
  for (const [args, message] of wrong) {
    test(`is wrong usage: ${args.join(" ") || "nothing"}`, async ({ databaseUrl }) => {
      const { exitCode, stderr } = await adopt(databaseUrl, ...args);

      expect([exitCode, stderr]).toEqual([2, expect.stringMatching(message)]);
    });
  }

  test("stopped by Ctrl-C keeps what was committed, and the next run does the rest", async ({
    emptyDatabaseUrl,
    old,
  }) => {
    await addLeads(old, 900);
    // Holds the job of one lead in the third transaction, so that it stands still there.
    const blocker = await old.connect();
    await blocker.query("begin");
    await blocker.query(
      `insert into oncebox.notification (lead_id, channel, recipient)
       select l.id, 'sms', l.phone from landing_leads as l where l.phone is not null and l.created_at is not null
          and not coalesce(l.sms_sent, false) order by l.created_at, l.id offset 500 limit 1`,
    );
    const child = spawn(
      process.execPath,
      [MAIN, "adopt", "--since", "2 days", "--apply", "--json"],
      { env: { ...process.env, DATABASE_URL: emptyDatabaseUrl }, stdio: "pipe" },
    );
    let said = "";
    let stdout = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk;
    });
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk;
    });
    await until("two transactions are through", () => said.includes("400 of 903 leads"));

    child.kill("SIGINT");
    await until("it has heard", () => said.includes("stopping after the transaction"));
    await blocker.query("rollback");
    blocker.release();
    const [exitCode] = await once(child, "close");
    const second = await adopt(emptyDatabaseUrl, "--since", "2 days", "--apply", "--json");

    expect(exitCode).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ leads: 600, signal: "SIGINT" });
    expect(JSON.parse(second.stdout)).toMatchObject({ leads: 303, signal: null });
    expect(await takenOver(old)).toHaveLength(904);
  });
});
