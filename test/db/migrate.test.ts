import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type pg from "pg";
import { describe, expect, vi } from "vitest";
import {
  assertSchemaIsCurrent,
  migrate,
  migrateDown,
  readSchemaStatus,
} from "../../src/db/migrate.ts";
import { checkSchema } from "../../src/inspect/checks.ts";
import { registerLead } from "../../src/outbox/register.ts";
import { readVersion } from "../../src/version.ts";
import { openPool } from "../support/database.ts";
import { test as base } from "../support/fixture.ts";
import { readCatalog } from "./support/catalog.ts";
import { oncebox } from "./support/oncebox.ts";

const FOLDER = new URL("../../migrations/", import.meta.url);
const STEPS = readdirSync(FOLDER)
  .filter((it) => it.endsWith(".up.sql"))
  .map((it) => it.replace(".up.sql", ""))
  .sort();

const test = base.extend<{ readonly emptyPool: pg.Pool }>({
  emptyPool: async ({ emptyDatabaseUrl }, use) => {
    const pool = openPool(emptyDatabaseUrl);
    await use(pool);
    await pool.end();
  },
});

/** Takes back `step` and whatever came after it. */
async function down(pool: pg.Pool, step: string): Promise<string[]> {
  return await migrateDown(pool, { to: STEPS[STEPS.indexOf(step) - 1] ?? "none" });
}

/** A way to send, so that a worker starts. */
const SMTP = { SMTP_URL: "smtp://127.0.0.1:1", MAIL_FROM: "a@example.kz" };

async function registerSomeone(pool: pg.Pool): Promise<void> {
  await pool.query("select from oncebox.register_lead(phone => '+77771234567')");
}

describe("migrate", () => {
  test("brings an empty database to this version, step by step", async ({ emptyPool }) => {
    const applied = await migrate(emptyPool);

    expect(applied).toEqual(STEPS);
    expect(await readSchemaStatus(emptyPool)).toMatchObject({
      state: "current",
      migrations: STEPS.map((name) => ({ name, appliedAt: expect.any(Date) })),
    });
    await registerSomeone(emptyPool);
  });

  test("is harmless a second time: nothing to apply, and nothing is changed", async ({ pool }) => {
    const before = await readCatalog(pool);

    expect(await migrate(pool)).toEqual([]);
    expect(await readCatalog(pool)).toEqual(before);
  });

  test("is harmless by ten at once: one applies every step, the others find it done", async ({
    emptyDatabaseUrl,
    pool,
  }) => {
    const pools = Array.from({ length: 10 }, () => openPool(emptyDatabaseUrl));

    const applied = await Promise.all(pools.map((it) => migrate(it)));

    expect(applied.toSorted((a, b) => b.length - a.length)).toEqual([STEPS, ...Array(9).fill([])]);
    expect(await readCatalog(pools[0] as pg.Pool)).toEqual(await readCatalog(pool));
    await Promise.all(pools.map((it) => it.end()));
  });

  test("is harmless by four processes at once", async ({ emptyDatabaseUrl, emptyPool, pool }) => {
    const ended = await Promise.all(
      Array.from({ length: 4 }, () =>
        oncebox(["migrate", "up", "--json"], { DATABASE_URL: emptyDatabaseUrl }),
      ),
    );

    expect(ended.map((it) => it.exitCode)).toEqual([0, 0, 0, 0]);
    for (const { stderr } of ended)
      expect(stderr).toMatch(/^(?:(?:waiting for another migrate: |building ).*\n)*$/);
    const applied: string[][] = ended.map((it) => JSON.parse(it.stdout).applied);
    expect(applied.flat()).toEqual(STEPS);
    expect(await readCatalog(emptyPool)).toEqual(await readCatalog(pool));
  });

  test("goes on after one that was killed in the middle", async ({
    emptyDatabaseUrl,
    emptyPool,
    pool,
  }) => {
    const blocker = await emptyPool.connect();
    await blocker.query("begin; create schema oncebox; create table oncebox.phone_plan ()");
    const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
    const child = spawn(process.execPath, [main, "migrate", "up"], {
      env: { ...process.env, DATABASE_URL: emptyDatabaseUrl },
      stdio: "ignore",
    });
    const ended = once(child, "exit");
    // It has the lock and graphile-worker's schema, and waits for ours.
    await vi.waitUntil(
      async () =>
        (
          await emptyPool.query(
            `select from pg_stat_activity
              where datname = current_database() and application_name = 'oncebox migrate' and wait_event_type = 'Lock'`,
          )
        ).rowCount,
      { timeout: 30_000 },
    );
    child.kill("SIGKILL");
    await ended;
    await blocker.query("rollback");
    blocker.release();

    expect(await migrate(emptyPool)).toEqual(STEPS);
    expect(await readCatalog(emptyPool)).toEqual(await readCatalog(pool));
  });

  test("keeps the steps before one that fails, and goes on there once what was in the way is gone", async ({
    emptyPool,
  }) => {
    await emptyPool.query("create schema oncebox; create table oncebox.phone_plan ()");

    await expect(migrate(emptyPool)).rejects.toThrow(/"phone_plan" already exists/);

    const { rows } = await emptyPool.query(
      "select array_agg(name) as applied, to_regclass('oncebox.lookup') as later from oncebox.migration",
    );
    expect(rows).toEqual([{ applied: ["0001_outbox"], later: null }]);
    expect(await readSchemaStatus(emptyPool)).toMatchObject({ state: "outdated" });
    await emptyPool.query("drop table oncebox.phone_plan");
    expect(await migrate(emptyPool)).toEqual(STEPS.slice(1));
  });

  test("leaves word which workers may run on it, by what each migration's header says", async ({
    pool,
  }) => {
    const saying = (word: RegExp) =>
      STEPS.filter((it) => word.test(readFileSync(new URL(`${it}.up.sql`, FOLDER), "utf8")));
    const stopping = saying(/^-- Workers {2}stop\b/m);
    const keeping = saying(/^-- Workers {2}keep working\b/m);

    const { rows } = await pool.query(
      "select required_migration, migrated_by from oncebox.setting",
    );

    expect([...stopping, ...keeping].sort()).toEqual(STEPS);
    expect(rows).toEqual([{ required_migration: stopping.at(-1), migrated_by: readVersion() }]);
  });

  test("refuses a database of a newer version, and touches nothing in it", async ({ pool }) => {
    await pool.query("insert into oncebox.migration values ('9999_future', now())");
    await pool.query("drop view oncebox.health");

    await expect(migrate(pool)).rejects.toMatchObject({
      code: "ONCEBOX_SCHEMA_OUTDATED",
      message: expect.stringContaining("newer"),
      hint: expect.stringContaining("newer version's migrate"),
    });
    const { rows } = await pool.query("select to_regclass('oncebox.health') as health");
    expect(rows).toEqual([{ health: null }]);
  });

  test("brings back functions and views that were dropped or replaced", async ({ pool }) => {
    const before = await readCatalog(pool);
    await pool.query(`
      drop function oncebox.cancel(bigint, text, text);
      drop view oncebox.health;
      drop trigger notification_after_insert on oncebox.notification;
      create or replace function oncebox.mask_name(name text) returns text language sql as 'select name'`);
    expect(await readCatalog(pool)).not.toEqual(before);

    expect(await migrate(pool)).toEqual([]);

    expect(await readCatalog(pool)).toEqual(before);
  });

  test("keeps the texts, the countries and the delay that people set", async ({ pool }) => {
    await pool.query(`
      update oncebox.template set body = 'Моё, {{name|друг}}' where channel = 'sms';
      update oncebox.phone_plan set accepted = false, trunk_prefix = '99' where country = 'KZ';
      update oncebox.setting set delay = '3 minutes'`);

    await migrate(pool);

    const { rows } = await pool.query(`
      select (select body from oncebox.template where channel = 'sms') as body,
             (select accepted from oncebox.phone_plan where country = 'KZ') as accepted,
             (select trunk_prefix from oncebox.phone_plan where country = 'KZ') as trunk_prefix,
             (select delay::text from oncebox.setting) as delay`);
    expect(rows).toEqual([
      { body: "Моё, {{name|друг}}", accepted: false, trunk_prefix: "8", delay: "00:03:00" },
    ]);
  });

  test("brings back a seed that was deleted, and only that one", async ({ pool }) => {
    await pool.query("delete from oncebox.template where channel = 'sms'");
    await pool.query("update oncebox.template set subject = 'Моя тема'");

    await migrate(pool);

    const { rows } = await pool.query("select channel, subject from oncebox.template order by 1");
    expect(rows).toEqual([
      { channel: "email", subject: "Моя тема" },
      { channel: "sms", subject: null },
    ]);
  });
});

describe("a version that meets a schema other than its own", () => {
  const FUTURE = "insert into oncebox.migration values ('9999_future', now())";
  const REQUIRED = `update oncebox.setting set migrated_by = '99.0.0', required_migration = '9999_future'`;

  test("runs on a newer one whose migrations it need not know", async ({ pool, db }) => {
    await pool.query(FUTURE);

    await expect(assertSchemaIsCurrent(pool)).resolves.toBeUndefined();
    expect(checkSchema(await readSchemaStatus(pool))).toMatchObject({ status: "ok" });
    const registered = db
      .transaction()
      .execute((tx) => registerLead(tx, { phone: "+77771234567" }));
    await expect(registered).resolves.toMatchObject({
      created: true,
    });
  });

  test("is refused on a newer one that it would have to know, and told what to start", async ({
    databaseUrl,
    pool,
  }) => {
    await pool.query(`${FUTURE}; ${REQUIRED}`);

    const worker = await oncebox(["worker"], { DATABASE_URL: databaseUrl, ...SMTP });

    expect(worker).toMatchObject({ exitCode: 1 });
    expect(worker.stderr).toMatch(
      /^ONCEBOX_SCHEMA_OUTDATED: .*newer oncebox, and this one \(\d.*\) cannot run on it\nStart oncebox 99\.0\.0, or a later one, instead\.\n$/m,
    );
    expect(checkSchema(await readSchemaStatus(pool))).toMatchObject({ status: "fail" });
  });

  test("is refused on an older one", async ({ pool }) => {
    await down(pool, STEPS.at(-1) as string);

    await expect(assertSchemaIsCurrent(pool)).rejects.toMatchObject({
      code: "ONCEBOX_SCHEMA_OUTDATED",
      message: expect.stringContaining("older"),
      hint: expect.stringContaining("oncebox migrate up"),
    });
  });

  test("is refused on one that went another way: newer, and without a migration of ours", async ({
    pool,
  }) => {
    await down(pool, STEPS.at(-1) as string);
    await pool.query(FUTURE);

    await expect(assertSchemaIsCurrent(pool)).rejects.toMatchObject({
      code: "ONCEBOX_SCHEMA_OUTDATED",
      hint: "Start the version that migrated it, or a later one, instead.",
    });
  });
});

describe("oncebox migrate", () => {
  test("up says what it applied, status where the schema is, by exit code too", async ({
    emptyDatabaseUrl,
  }) => {
    const env = { DATABASE_URL: emptyDatabaseUrl };

    const before = await oncebox(["migrate", "status"], env);
    const up = await oncebox(["migrate", "up"], env);
    const again = await oncebox(["migrate", "up"], env);
    const after = await oncebox(["migrate", "status"], env);

    expect(before).toMatchObject({ exitCode: 1, stderr: "" });
    expect(before.stdout).toMatch(/0001_outbox +to come\n[\s\S]*oncebox migrate up\n$/);
    expect(up).toEqual({
      exitCode: 0,
      stdout: STEPS.map((it) => `applied ${it}\n`).join(""),
      stderr: expect.stringMatching(/^(?:building .*; writers are not held up\n)*$/),
    });
    expect(again).toMatchObject({
      exitCode: 0,
      stdout: "nothing to apply; functions and views are this version's\n",
    });
    expect(after).toMatchObject({ exitCode: 0, stderr: "" });
    expect(after.stdout).toMatch(/0001_outbox +applied \d{4}-[\s\S]*the schema is current\n$/);
  });

  test("ends with its last word, and waits for no idle connection", async ({ databaseUrl }) => {
    const startedAt = performance.now();

    await oncebox(["migrate", "status"], { DATABASE_URL: databaseUrl });

    // A pool that nobody ended would keep it for ten seconds more.
    expect(performance.now() - startedAt).toBeLessThan(9_000);
  });

  test("answers JSON to a script", async ({ emptyDatabaseUrl }) => {
    const env = { DATABASE_URL: emptyDatabaseUrl };

    const before = await oncebox(["migrate", "status", "--json"], env);
    const up = await oncebox(["migrate", "up", "--json"], env);
    const after = await oncebox(["migrate", "status", "--json"], env);

    expect(before.exitCode).toBe(1);
    expect(JSON.parse(before.stdout)).toEqual({
      state: "missing",
      migratedBy: null,
      migrations: STEPS.map((name) => ({ name, appliedAt: null })),
    });
    expect(JSON.parse(up.stdout)).toEqual({ applied: STEPS });
    expect(after.exitCode).toBe(0);
    expect(JSON.parse(after.stdout)).toMatchObject({ state: "current" });
  });

  test("status tells a schema that a newer version made", async ({ databaseUrl, pool }) => {
    await pool.query("insert into oncebox.migration values ('9999_future', now())");

    const status = await oncebox(["migrate", "status", "--json"], { DATABASE_URL: databaseUrl });
    const up = await oncebox(["migrate", "up"], { DATABASE_URL: databaseUrl });

    expect(status.exitCode).toBe(1);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: "newer" });
    expect(up).toMatchObject({ exitCode: 1, stdout: "" });
    expect(up.stderr).toMatch(/^ONCEBOX_SCHEMA_OUTDATED: /);
  });

  test("up writes ONCEBOX_DELAY into the database for every caller", async ({
    databaseUrl,
    pool,
  }) => {
    const up = await oncebox(["migrate", "up"], {
      DATABASE_URL: databaseUrl,
      ONCEBOX_DELAY: "1 minute 30 s",
    });

    const { rows } = await pool.query("select delay::text from oncebox.setting");
    expect(up.exitCode).toBe(0);
    expect(rows).toEqual([{ delay: "00:01:30" }]);
  });
});

describe("a step taken back", () => {
  for (const [index, step] of STEPS.entries()) {
    test(`and applied again gives the same schema: ${step}`, async ({ pool }) => {
      const before = await readCatalog(pool);

      const back = await down(pool, step);
      const between = await readCatalog(pool);
      const applied = await migrate(pool);

      expect(back).toEqual(STEPS.slice(index).reverse());
      expect(between).not.toEqual(before);
      expect(applied).toEqual(STEPS.slice(index));
      expect(await readCatalog(pool)).toEqual(before);
      await registerSomeone(pool);
    });
  }

  test("leaves the leads and their flags as they are", async ({ pool }) => {
    await pool.query("insert into public.landing_leads (name, sms_sent) values ('А', true)");

    await migrateDown(pool, { to: "none" });

    const { rows } = await pool.query("select name, sms_sent from public.landing_leads");
    expect(rows).toEqual([{ name: "А", sms_sent: true }]);
  });

  const losses: readonly [what: string, step: string, statement: string, message: RegExp][] = [
    [
      "a notification",
      "0001_outbox",
      "select from oncebox.register_lead(phone => '+77771234567')",
      /still holds 1 notifications .* 1 registrations/,
    ],
    [
      "a registration's key",
      "0001_outbox",
      `select from oncebox.register_lead(phone => '+77771234567');
       select oncebox.cancel(id, 'test', 'test') from oncebox.notification;
       delete from oncebox.notification`,
      /still holds 1 registrations and their idempotency keys$/,
    ],
    [
      "a text that a person edited",
      "0001_outbox",
      "update oncebox.template set body = 'x' where channel = 'sms'",
      /still holds 1 texts that people wrote$/,
    ],
    [
      "a kind that a person added",
      "0001_outbox",
      "insert into oncebox.template (kind, channel, body) values ('mine', 'sms', 'x')",
      /still holds 1 texts that people wrote$/,
    ],
    [
      "a country that the operator refused",
      "0002_input_rules",
      "update oncebox.phone_plan set accepted = false where country = 'KZ'",
      /holds 1 countries that the operator refused/,
    ],
  ];
  for (const [what, step, statement, message] of losses) {
    test(`is refused while it would lose ${what}`, async ({ pool }) => {
      await pool.query(statement);
      const before = await readCatalog(pool);

      await expect(down(pool, step)).rejects.toMatchObject({
        code: "ONCEBOX_MOVE_REFUSED",
        message: expect.stringMatching(message),
        hint: expect.stringContaining("if that is really meant"),
      });
      expect(await readCatalog(pool)).toEqual(before);
    });
  }

  test("is refused while somebody's own view is built on it", async ({ pool }) => {
    await pool.query("create view public.report as select count(*) from oncebox.notifications");

    await expect(down(pool, "0001_outbox")).rejects.toThrow(/other objects depend on them/);
  });
});

describe("a database that cannot be reached", () => {
  const password = "canary-5ecret";

  test("is one clear error, without the password", async ({ databaseUrl }) => {
    const wrongPort = new URL(databaseUrl);
    wrongPort.port = "1";
    wrongPort.password = password;
    const wrongPassword = new URL(databaseUrl);
    wrongPassword.password = password;
    const wrongDatabase = new URL(databaseUrl);
    wrongDatabase.pathname = "/nowhere";

    const ended = await Promise.all(
      [wrongPort, wrongPassword, wrongDatabase].map((it) =>
        oncebox(["migrate", "up"], { DATABASE_URL: it.href }),
      ),
    );

    expect(ended.map((it) => [it.exitCode, it.stdout])).toEqual(Array(3).fill([1, ""]));
    expect(ended.map((it) => it.stderr.split("\n")[0])).toEqual([
      expect.stringMatching(/^ONCEBOX_DATABASE_UNREACHABLE: .*ECONNREFUSED/),
      expect.stringMatching(/^ONCEBOX_DATABASE_UNREACHABLE: .*password authentication failed/),
      expect.stringMatching(/^ONCEBOX_DATABASE_UNREACHABLE: .*"nowhere" does not exist/),
    ]);
    for (const { stderr } of ended) {
      expect(stderr).toContain("\nCheck DATABASE_URL");
      expect(stderr).not.toContain(password);
      expect(stderr).not.toContain(new URL(databaseUrl).password);
      expect(stderr).not.toMatch(/^ {4}at /m);
    }
  });

  const unusable = [
    `postgres://u:${password}%ZZ@127.0.0.1/x`,
    `postgres://u:${password}@127.0.0.1/x?sslmode=verify-full&sslrootcert=/nowhere/root.crt`,
    `postgres://u:${password}@nowhere.invalid/x`,
    `postgres://u:${password}@127.0.0.1:1/x?application_name=y&options=-c%20foo`,
  ];
  for (const [index, url] of unusable.entries()) {
    test(`is told without the password when its URL itself cannot be used (${index + 1})`, async () => {
      const { exitCode, stdout, stderr } = await oncebox(["migrate", "status"], {
        DATABASE_URL: url,
      });

      expect([exitCode, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/^ONCEBOX_DATABASE_UNREACHABLE: /);
      expect(stderr).not.toContain(password);
      expect(stderr).not.toMatch(/^ {4}at /m);
    });
  }
});

describe("the files of a migration", () => {
  test("come in pairs, numbered without a gap", () => {
    const files = readdirSync(FOLDER).sort();

    expect(files).toEqual(STEPS.flatMap((it) => [`${it}.down.sql`, `${it}.up.sql`]));
    expect(STEPS.map((it) => it.slice(0, 5))).toEqual(
      STEPS.map((_, index) => `${String(index + 1).padStart(4, "0")}_`),
    );
  });
});
