import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Kysely, PostgresDialect, sql } from "kysely";
import { describe, expect } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { applyRoles, readRolesSql } from "../../src/db/roles.ts";
import { DECLARED, STRANGERS } from "../../src/inspect/privileges.ts";
import { readRoles } from "../../src/inspect/roles.ts";
import { registerLeads } from "../../src/outbox/register.ts";
import { startPostgres } from "../../src/sandbox/postgres.ts";
import { oncebox } from "../db/support/oncebox.ts";
import { createDatabase, openPool, urlOf } from "../support/database.ts";
import { countStates, makeLeads, register } from "../support/leads.ts";
import { makeNotification, stateOf } from "../support/make.ts";
import { until } from "../support/until.ts";
import { NO_PSQL, psql } from "./support/psql.ts";
import { makeStrangers, test } from "./support/roles.ts";

const DENIED = { code: "42501" };

describe("the declared rights", () => {
  test("give nothing to PUBLIC, nor to Supabase's roles for the browser", () => {
    const strangers: readonly string[] = STRANGERS;

    expect(DECLARED.filter((it) => strangers.includes(it.role))).toEqual([]);
  });

  test("let nobody delete or truncate what is oncebox's, or make anything in its schema", () => {
    const rights = DECLARED.filter((it) => it.object.includes(" oncebox")).map((it) => it.right);

    expect(rights.filter((it) => /delete|truncate|create|trigger/.test(it))).toEqual([]);
  });

  test("let the reader read views and no table, and the writer register and nothing else", () => {
    const ofRole = (role: string) => DECLARED.filter((it) => it.role === role);

    expect(ofRole("oncebox_reader").filter((it) => it.object.startsWith("table "))).toEqual([]);
    expect(ofRole("oncebox_reader").filter((it) => it.right === "select")).not.toEqual([]);
    expect(ofRole("oncebox_writer").map((it) => it.object)).toEqual([
      "schema oncebox",
      "function oncebox.register_lead",
      "function oncebox.register_leads",
    ]);
  });
});

describe("every function that our own code calls", () => {
  test("is some role's to call, or a command of the owner's", () => {
    /** Taking over a live table is done once, by who migrates. */
    const ownersOnly = ["adopt_leads"];
    const called = globSync("src/outbox/*.ts").flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/(?:select|from|\.\*|,) oncebox\.(\w+)\(/g)].map(
        ([, name = ""]) => name,
      ),
    );
    const declared = new Set(DECLARED.map((it) => it.object));

    expect(new Set(called).size).toBeGreaterThan(15);
    expect(
      called.filter((it) => !declared.has(`function oncebox.${it}`) && !ownersOnly.includes(it)),
    ).toEqual([]);
  });
});

describe("oncebox migrate roles --apply", () => {
  test("gives every role what is declared on every object there is, and nothing else", async ({
    db,
    pool,
  }) => {
    await makeStrangers(pool);
    // As Supabase's default privileges and a helpful hand would have it.
    await pool.query(`
      grant usage on schema oncebox to anon, authenticated, public;
      grant all on all tables in schema oncebox to anon, authenticated;
      grant all on all sequences in schema oncebox to authenticated;
      grant execute on all functions in schema oncebox to public`);

    await applyRoles(pool);

    expect(await readRoles(db)).toEqual({ areApplied: true, differences: [], remarks: [] });
  });

  test("changes nothing a second time", async ({ pool, applied: _ }) => {
    const rights = async () =>
      (
        await pool.query(`
          select oid::regclass::text as name, relacl::text as acl, relowner from pg_class
           where relnamespace in ('oncebox'::regnamespace, 'graphile_worker'::regnamespace, 'public'::regnamespace)
          union all
          select oid::regprocedure::text, proacl::text || prosecdef || proconfig::text, proowner from pg_proc
           where pronamespace = 'oncebox'::regnamespace
          union all
          select polname, polroles::text, polrelid from pg_policy
          order by name, acl, relowner`)
      ).rows;
    const before = await rights();

    await applyRoles(pool);

    expect(await rights()).toEqual(before);
  });

  test.skipIf(NO_PSQL)(
    "is the SQL that oncebox migrate roles prints, as psql runs it",
    async ({ databaseUrl, db }) => {
      const printed = await oncebox(["migrate", "roles"]);
      const ran = await psql(databaseUrl, ["--command", printed.stdout]);

      expect(printed).toEqual({ exitCode: 0, stdout: await readRolesSql(), stderr: "" });
      expect(ran.exitCode).toBe(0);
      expect(await readRoles(db)).toMatchObject({ areApplied: true, differences: [] });
    },
  );

  test("says what it applied, and what it saw that is not its to change", async ({
    databaseUrl,
    pool,
  }) => {
    await makeStrangers(pool);
    await pool.query(`
      create function public.tell_the_crm() returns trigger language plpgsql as 'begin return new; end';
      create trigger crm after insert on public.landing_leads execute function public.tell_the_crm();
      grant select on public.landing_leads to anon`);

    const ended = await oncebox(["migrate", "roles", "--apply"], { DATABASE_URL: databaseUrl });

    expect(ended).toMatchObject({
      exitCode: 0,
      stdout:
        "applied oncebox_owner, oncebox_writer, oncebox_worker, oncebox_reader, oncebox_operator, oncebox_server\n",
    });
    expect(ended.stderr).toContain("anon may select on table public.landing_leads");
    expect(ended.stderr).toContain("trigger crm on public.landing_leads calls tell_the_crm");
  });

  test("refuses a database that has no oncebox yet", async ({ emptyDatabaseUrl }) => {
    const ended = await oncebox(["migrate", "roles", "--apply"], {
      DATABASE_URL: emptyDatabaseUrl,
    });

    expect(ended).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ended.stderr).toContain("ONCEBOX_SCHEMA_MISSING");
  });

  test("is kept by every later migrate: what is made anew has its owner and its rights", async ({
    db,
    pool,
    applied: _,
  }) => {
    await pool.query(
      "drop function oncebox.leads_of, oncebox.parse_since; drop view oncebox.claims",
    );

    await migrate(pool);

    expect(await readRoles(db)).toEqual({ areApplied: true, differences: [], remarks: [] });
  });
});

describe("taking the roles back, as docs/dba.md says", () => {
  test("leaves a database that works for its owner as if they had never been applied", async ({
    db,
    pool,
    applied: _,
  }) => {
    await pool.query(`
      reassign owned by oncebox_owner to current_user;
      drop owned by oncebox_owner, oncebox_writer, oncebox_worker, oncebox_reader, oncebox_operator, oncebox_server`);

    await migrate(pool);
    await register(db, makeLeads(1));

    expect(await readRoles(db)).toEqual({ areApplied: false, differences: [], remarks: [] });
    const { rows } = await pool.query("select from pg_policy where polname = 'oncebox'");
    expect(rows).toEqual([]);
  });
});

describe("a right that is otherwise than declared", () => {
  const CASES: ReadonlyArray<[change: string, told: string]> = [
    [
      "grant select on oncebox.notification to oncebox_reader",
      "oncebox_reader may select on table oncebox.notification",
    ],
    [
      "grant select (recipient) on oncebox.notification to anon",
      "anon may select (recipient) on table oncebox.notification",
    ],
    [
      "grant delete on oncebox.attempt to oncebox_worker",
      "oncebox_worker may delete on table oncebox.attempt",
    ],
    [
      "grant execute on function oncebox.claim to oncebox_writer",
      "oncebox_writer may execute on function oncebox.claim",
    ],
    [
      "grant execute on function oncebox.retry to public",
      "public may execute on function oncebox.retry",
    ],
    [
      "grant create on schema oncebox to authenticated",
      "authenticated may create on schema oncebox",
    ],
    [
      "grant usage on sequence oncebox.notification_id_seq to oncebox_writer",
      "oncebox_writer may usage on sequence oncebox.notification_id_seq",
    ],
    [
      "revoke select on oncebox.health from oncebox_reader",
      "oncebox_reader may not select on view oncebox.health",
    ],
    [
      "revoke execute on function oncebox.settle from oncebox_worker",
      "oncebox_worker may not execute on function oncebox.settle",
    ],
    [
      "revoke update on graphile_worker._private_jobs from oncebox_worker",
      "oncebox_worker may not update on table graphile_worker._private_jobs",
    ],
    [
      "create function oncebox.new_one() returns integer language sql as 'select 1'",
      "public may execute on function oncebox.new_one",
    ],
    ["create table oncebox.new_one ()", "oncebox.new_one belongs to"],
    [
      "alter function oncebox.claim security invoker",
      "function oncebox.claim does not run with its owner's rights",
    ],
    [
      "alter function oncebox.finish security definer",
      "function oncebox.finish runs with its owner's rights",
    ],
    [
      "alter function oncebox.claim reset search_path",
      "function oncebox.claim has no pinned search_path",
    ],
  ];

  test("is told by role, right and object, whichever it is", async ({ db, applied: _ }) => {
    for (const [change, told] of CASES) {
      const differences = await db.connection().execute(async (one) => {
        await sql.raw(`begin; ${change}`).execute(one);
        const state = await readRoles(one);
        await sql.raw("rollback").execute(one);
        return state.differences;
      });

      expect(
        differences.filter((it) => it.startsWith(told)),
        change,
      ).toHaveLength(1);
    }
    expect((await readRoles(db)).differences).toEqual([]);
  });
});

describe("a database where roles were never applied", () => {
  test("works for its single owner, who is no superuser, and opens no function to PUBLIC", async ({
    emptyDatabaseUrl,
    pool: server,
  }) => {
    const owner = `oncebox_test_${process.pid}_${Date.now()}`;
    const url = new URL(emptyDatabaseUrl);
    const database = url.pathname.slice(1);
    await server.query(`create role ${owner} login password 'of-a-test'`);
    await server.query(`alter database ${database} owner to ${owner}`);
    url.username = owner;
    url.password = "of-a-test";
    const pool = openPool(url.href);
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });

    await migrate(pool);
    await migrate(pool);
    await register(db, makeLeads(2));

    expect(await countStates(db)).toEqual({ pending: 4 });
    expect(await readRoles(db)).toEqual({ areApplied: false, differences: [], remarks: [] });
    await sql`grant execute on function oncebox.claim to public`.execute(db);
    expect((await readRoles(db)).differences).toEqual([
      "public may execute on function oncebox.claim",
    ]);
    await pool.end();
    await server.query(`drop database ${database} with (force)`);
    await server.query(`drop role ${owner}`);
  });
});

describe("applied by an owner who is no superuser, as on a hosted server", () => {
  test("works, and so does every later migrate by the same", async () => {
    // A cluster of its own: there the roles are not made by a superuser yet.
    const server = await startPostgres({ settings: { fsync: "off" } });
    try {
      const root = openPool(server.url);
      await root.query("create role host_admin login createrole createdb password 'of-a-test'");
      const url = new URL(urlOf(server.url, await createDatabase(server.url)));
      await root.query(`alter database ${url.pathname.slice(1)} owner to host_admin`);
      url.username = "host_admin";
      url.password = "of-a-test";
      const pool = openPool(url.href);
      const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });

      await migrate(pool);
      await pool.query("alter table public.landing_leads enable row level security");
      await applyRoles(pool);
      await migrate(pool);
      await applyRoles(pool);

      expect(await readRoles(db)).toEqual({ areApplied: true, differences: [], remarks: [] });
      await pool.query("create role site login password 'of-a-test' in role oncebox_writer");
      url.username = "site";
      const site = openPool(url.href);
      await site.query("select from oncebox.register_lead(phone => '+77771234567')");
      expect(await countStates(db)).toEqual({ pending: 1 });
      for (const it of [site, pool, root]) await it.end();
    } finally {
      await server.stop();
    }
  });
});

describe("the writer", () => {
  test("registers through the library, also where the leads have row level security and a serial", async ({
    pool,
    db,
    applied: _,
    logInAs,
  }) => {
    await pool.query(`
      alter table public.landing_leads enable row level security;
      alter table public.landing_leads add column number serial`);
    await applyRoles(pool);
    const writer = await logInAs("oncebox_writer");

    const first = await register(writer.db, makeLeads(2));
    const again = await writer.db.transaction().execute((tx) => registerLeads(tx, makeLeads(2)));

    expect(again).toEqual(first.map((leadId) => ({ leadId, created: false })));
    expect(await countStates(db)).toEqual({ pending: 4 });
  });

  test("may do nothing else", async ({ applied: _, logInAs }) => {
    const { pool } = await logInAs("oncebox_writer");

    for (const statement of [
      "select from public.landing_leads",
      "select from oncebox.notifications",
      "select from oncebox.registration",
      "select oncebox.sweep()",
      "select oncebox.cancel(1, 'me', 'why')",
      "select oncebox.render('{{name}}', '{}')",
      "insert into oncebox.notification (lead_id, channel) values (gen_random_uuid(), 'sms')",
      "create table oncebox.mine ()",
      "select from graphile_worker._private_jobs",
    ]) {
      await expect(pool.query(statement), statement).rejects.toMatchObject(DENIED);
    }
  });

  test("is not led astray by its own search_path", async ({ pool, applied: _, logInAs }) => {
    await pool.query(`
      create schema evil; grant usage, create on schema evil to oncebox_writer;
      create function evil.clean_text(raw text) returns text language sql as 'select 1 / 0'`);
    const writer = await logInAs("oncebox_writer");
    const client = await writer.pool.connect();
    await client.query("set search_path = evil, pg_catalog");
    await client.query(
      "create function pg_temp.length(raw text) returns integer language sql as 'select 1 / 0'",
    );

    const { rows } = await client.query(
      "select created from oncebox.register_lead(name => 'Айгерим', phone => '+77771234567')",
    );

    expect(rows).toEqual([{ created: true }]);
    await client.query("drop function pg_temp.length");
    client.release();
  });
});

describe("the reader", () => {
  test("reads every view, also with rows in it, and no table", async ({
    pool,
    db,
    applied: _,
    logInAs,
  }) => {
    await makeNotification(db, { state: "sent" });
    await makeNotification(db, { state: "claimed" });
    const reader = await logInAs("oncebox_reader");
    const { rows } = await pool.query<{ name: string; kind: string }>(
      "select oid::regclass::text as name, relkind as kind from pg_class where relnamespace = 'oncebox'::regnamespace and relkind in ('r', 'v')",
    );
    const read = new Map<string, string>();
    for (const { name } of rows) {
      const said = await reader.pool.query(`select * from ${name}`).then(
        () => "read",
        (error: { code: string }) => error.code,
      );
      read.set(name, said);
    }

    expect(read.size).toBeGreaterThan(20);
    for (const { name, kind } of rows) {
      expect([name, read.get(name)]).toEqual([name, kind === "v" ? "read" : DENIED.code]);
    }
    await expect(
      reader.pool.query("select oncebox.leads_of('+77771234567')"),
    ).rejects.toMatchObject(DENIED);
  });
});

describe("the operator", () => {
  test("looks and acts by the commands, and is audited", async ({ db, applied: _, logInAs }) => {
    const { url } = await logInAs("oncebox_operator");
    const pending = await makeNotification(db, { dueInMs: 3_600_000 });
    const unknown = await makeNotification(db, { state: "unknown" });
    const because = ["--reason", "a test"];

    const commands = [
      ["notifications", "list", "--state", "unknown"],
      ["notifications", "show", unknown],
      ["notifications", "retry", pending, ...because],
      ["notifications", "cancel", pending, ...because],
      ["notifications", "resolve", unknown, "--send-again", ...because],
      ["hold", "--yes", ...because],
      ["resume", "--sms", "--yes", ...because],
    ];
    for (const command of commands) {
      expect([command, await oncebox(command, { DATABASE_URL: url })]).toEqual([
        command,
        expect.objectContaining({ exitCode: 0, stderr: "" }),
      ]);
    }

    expect(await stateOf(db, pending)).toBe("cancelled");
    expect(await stateOf(db, unknown)).toBe("pending");
    const { rows } = await sql<{
      action: string;
    }>`select action from oncebox.audit order by id`.execute(db);
    expect(rows.map((it) => it.action)).toEqual(["retry", "cancel", "resolve", "hold", "resume"]);
  });

  test.skipIf(NO_PSQL)("asks what a person got", async ({ db, applied: _, logInAs }) => {
    const { url } = await logInAs("oncebox_operator");
    await register(db, makeLeads(1, { phone: "+77771234567" }));

    const file = fileURLToPath(
      new URL("../../sql/inspect/what_did_this_person_get.sql", import.meta.url),
    );
    const got = await psql(url, ["--set", "person=87771234567", "--file", file]);

    expect(got).toMatchObject({ exitCode: 0, stderr: "" });
    expect(got.stdout).toContain("for +7777•••••67");
  });

  test("asks doctor, and may do nothing else", async ({ databaseUrl, applied: _, logInAs }) => {
    const { url, pool } = await logInAs("oncebox_operator");

    expect(await oncebox(["doctor", "--json"], { DATABASE_URL: url })).toEqual(
      await oncebox(["doctor", "--json"], { DATABASE_URL: databaseUrl }),
    );
    for (const statement of [
      "update oncebox.notification set state = 'sent'",
      "select oncebox.sweep()",
      "select oncebox.put_flag(gen_random_uuid(), 'sms', false, null)",
      "select from public.landing_leads",
    ]) {
      await expect(pool.query(statement), statement).rejects.toMatchObject(DENIED);
    }
  });
});

describe("the worker", () => {
  test("sends as a process under its role, takes over from one that was killed, and stops well", async ({
    db,
    gateways,
    startWorker,
    applied: _,
    logInAs,
  }) => {
    const env = { DATABASE_URL: (await logInAs("oncebox_worker")).url, ONCEBOX_DELAY: "1 minute" };
    const writer = await logInAs("oncebox_writer");
    const killed = await startWorker(env);
    await register(writer.db, makeLeads(3));
    await until("all are sent", async () => (await countStates(db)).sent === 6);

    killed.child.kill("SIGKILL");
    await killed.ended;
    const worker = await startWorker(env);
    await register(writer.db, makeLeads(6).slice(3));
    await until("the others are sent, too", async () => (await countStates(db)).sent === 12);
    await worker.logged("worker:gone, its claims are taken over");
    worker.child.kill("SIGTERM");

    expect(await worker.ended).toBe(0);
    const { sms, email } = await gateways.messages();
    expect([sms.length, email.length]).toEqual([6, 6]);
    expect(worker.lines.filter((it) => it.level === "error")).toEqual([]);
    expect(JSON.stringify([...killed.lines, ...worker.lines])).not.toContain("permission denied");
    const { rows } = await sql`select delay::text from oncebox.setting`.execute(db);
    expect(rows).toEqual([{ delay: "00:01:00" }]);
  });

  test("may do nothing else", async ({ applied: _, logInAs }) => {
    const { pool } = await logInAs("oncebox_worker");

    for (const statement of [
      "delete from oncebox.notification",
      "truncate oncebox.attempt",
      "select recipient from oncebox.notification",
      "update oncebox.setting set installation_id = gen_random_uuid()",
      "update oncebox.worker set gone_at = now()",
      "alter table oncebox.worker add column mine text",
      "select from public.landing_leads",
      "select oncebox.resolve(1, 'sent', 'me', 'why')",
      "select from oncebox.register_lead(phone => '+77771234567')",
    ]) {
      await expect(pool.query(statement), statement).rejects.toMatchObject(DENIED);
    }
  });
});

describe("sql/roles.sql", () => {
  test("pins one search_path, in every function that runs with its owner's rights", () => {
    const text = readFileSync(new URL("../../sql/roles.sql", import.meta.url), "utf8");
    const definers = text.split("\n").filter((it) => it.includes("security definer"));

    expect(definers.length).toBeGreaterThan(10);
    for (const line of definers) {
      expect(line).toMatch(/set search_path = pg_catalog, oncebox, pg_temp;$/);
    }
  });
});
