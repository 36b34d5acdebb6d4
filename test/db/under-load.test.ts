import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type pg from "pg";
import { describe, expect } from "vitest";
import { readDrift } from "../../src/db/drift.ts";
import { migrate, migrateDown, readSchemaStatus } from "../../src/db/migrate.ts";
import { openPool } from "../support/database.ts";
import { test as base } from "../support/fixture.ts";
import { until } from "../support/until.ts";

interface Late {
  /** This version's migrations, and one more that builds an index concurrently. */
  readonly folder: URL;
}

const LATE = "9990_late";

const test = base.extend<{ readonly late: Late }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures used from the pattern
  late: async ({}, use) => {
    const root = await mkdtemp(join(tmpdir(), "oncebox-late-"));
    await cp("migrations", root, { recursive: true });
    const header = `-- ${LATE}: for a test.\n-- Workers  keep working: it is an index.\n`;
    await writeFile(
      join(root, `${LATE}.up.sql`),
      `${header}create index concurrently audit_actor on oncebox.audit (actor);\n`,
    );
    await writeFile(join(root, `${LATE}.down.sql`), `${header}drop index oncebox.audit_actor;\n`);
    await use({ folder: pathToFileURL(`${root}/`) });
    await rm(root, { recursive: true });
  },
});

/** Somebody who holds a lock in an open transaction, under a name that can be told. */
async function holding(pool: pg.Pool, statement: string) {
  const client = await pool.connect();
  await client.query("begin; set local application_name = 'nightly report'");
  await client.query(statement);
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return {
    pid: rows[0]?.pid,
    async end() {
      await client.query("rollback");
      client.release();
    },
  };
}

async function indexIsValid(pool: pg.Pool, index: string): Promise<boolean | undefined> {
  const { rows } = await pool.query<{ isValid: boolean }>(
    `select indisvalid as "isValid" from pg_index where indexrelid = to_regclass($1)`,
    [index],
  );
  return rows[0]?.isValid;
}

describe("migrate while the site works", () => {
  test("lets go of a lock it cannot get, says who holds it, and gets it later", async ({
    pool,
  }) => {
    await migrateDown(pool, { to: "0002_input_rules" });
    const report = await holding(pool, "select from oncebox.notification");
    const said: string[] = [];

    const migrated = migrate(pool, { lockTimeoutMs: 100, onProgress: (it) => said.push(it) });
    await until("it was refused twice", () => said.length >= 2);
    const startedAt = performance.now();
    await pool.query("select from oncebox.notification limit 1");
    const waitedMs = performance.now() - startedAt;
    await report.end();

    expect(await migrated).toContain("0003_survival");
    expect(said[0]).toMatch(
      new RegExp(
        `^0003_survival: oncebox\\.notification is held by pid ${report.pid} \\(nightly report\\), in a transaction since .*; trying again in 0\\.\\d s$`,
      ),
    );
    expect(waitedMs).toBeLessThan(2_000);
    expect(await readDrift(pool)).toEqual([]);
  });

  test("gives up in time, with nothing of the step applied", async ({ pool }) => {
    await migrateDown(pool, { to: "0002_input_rules" });
    const report = await holding(pool, "select from oncebox.notification");

    await expect(migrate(pool, { lockTimeoutMs: 50, giveUpAfterMs: 1 })).rejects.toMatchObject({
      code: "ONCEBOX_LOCK_NOT_GRANTED",
      message: "0003_survival: a lock was not granted in time",
      detail: expect.stringContaining("(nightly report)"),
      hint: expect.stringContaining("oncebox migrate up again"),
    });

    expect(await readSchemaStatus(pool)).toMatchObject({ state: "outdated" });
    const { rows } = await pool.query("select to_regclass('oncebox.lookup') as lookup");
    expect(rows).toEqual([{ lookup: null }]);
    await report.end();
  });

  test("waits for another migrate, and says for whom", async ({ pool }) => {
    const other = await holding(pool, "select pg_advisory_xact_lock(4600146001)");
    const said: string[] = [];

    const migrated = migrate(pool, { onProgress: (it) => said.push(it) });
    await until("it says so", () => said.length > 0);
    await other.end();

    expect(await migrated).toEqual([]);
    expect(said[0]).toMatch(
      new RegExp(
        `^waiting for another migrate: pid ${other.pid} \\(nightly report\\), since \\d{4}-.* UTC$`,
      ),
    );
  });

  test("builds an index while somebody writes, and holds up no writer", async ({ pool, late }) => {
    const writer = await holding(pool, "lock table oncebox.audit in row exclusive mode");

    const migrated = migrate(pool, late);
    await until("the index is being built", async () => {
      return (await indexIsValid(pool, "oncebox.audit_actor")) === false;
    });
    await pool.query("begin; lock table oncebox.audit in row exclusive mode nowait; rollback");
    await writer.end();

    expect(await migrated).toEqual([LATE]);
    expect(await indexIsValid(pool, "oncebox.audit_actor")).toBe(true);
  });

  test("builds an index while others wait to migrate", async ({ pool, late }) => {
    const said: string[] = [];

    const migrated = await Promise.all(
      Array.from({ length: 4 }, () =>
        migrate(pool, { ...late, onProgress: (it) => said.push(it) }),
      ),
    );

    expect(migrated.flat()).toEqual([LATE]);
    expect(said.filter((it) => it.startsWith("waiting for another migrate"))).not.toEqual([]);
    expect(await indexIsValid(pool, "oncebox.audit_actor")).toBe(true);
  });

  test("builds an index again that was left half built, whether its step was noted or not", async ({
    pool,
    late,
  }) => {
    const writer = await holding(pool, "lock table oncebox.audit in row exclusive mode");
    const builder = migrate(pool, late).catch((error: Error) => error.message);
    await until("the index is being built", async () => {
      return (await indexIsValid(pool, "oncebox.audit_actor")) === false;
    });
    await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query like '%create index concurrently%' and pid <> pg_backend_pid()`,
    );
    expect(await builder).toMatch(/terminat/);
    await writer.end();
    await pool.query(
      "update pg_index set indisvalid = false where indexrelid = 'oncebox.notification_due'::regclass",
    );
    const said: string[] = [];

    const applied = await migrate(pool, { ...late, onProgress: (it) => said.push(it) });

    expect(applied).toEqual([LATE]);
    expect(said).toContain("oncebox.audit_actor was left half built: dropped, and built again");
    expect(said).toContain("oncebox.notification_due was left half built: built again");
    expect(await indexIsValid(pool, "oncebox.audit_actor")).toBe(true);
    expect(await readDrift(pool)).toEqual([]);
  });
});

describe("migrate that is killed", () => {
  const places: readonly [where: string, from: string, lock: string][] = [
    [
      "in the first step, on leads that are there",
      "none",
      "public.landing_leads in access share mode",
    ],
    ["in a later step", "0002_input_rules", "oncebox.notification in access share mode"],
    [
      "between the steps and the functions",
      "0002_input_rules",
      "oncebox.template in row exclusive mode",
    ],
  ];
  for (const [where, from, lock] of places) {
    test(`goes on where it was: ${where}`, async ({ emptyDatabaseUrl }) => {
      const pool = openPool(emptyDatabaseUrl);
      await pool.query("create table public.landing_leads (id uuid primary key)");
      await migrate(pool);
      await migrateDown(pool, { to: from });
      const blocker = await holding(pool, `lock table ${lock}`);
      const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
      const child = spawn(process.execPath, [main, "migrate", "up", "--lock-timeout", "1 minute"], {
        env: { ...process.env, DATABASE_URL: emptyDatabaseUrl },
        stdio: "ignore",
      });
      const ended = once(child, "exit");
      await until("it waits for the lock", async () => {
        const { rowCount } = await pool.query(
          "select from pg_stat_activity where application_name = 'oncebox migrate' and datname = current_database() and wait_event_type = 'Lock'",
        );
        return rowCount;
      });

      child.kill("SIGKILL");
      await ended;
      await blocker.end();
      await migrate(pool);

      expect(await readSchemaStatus(pool)).toMatchObject({ state: "current" });
      expect(await readDrift(pool)).toEqual([]);
      await pool.end();
    });
  }
});

describe("migrate down", () => {
  test("takes back the newest migration alone, or all that came after one", async ({ pool }) => {
    const { migrations } = await readSchemaStatus(pool);
    const names = migrations.map((it) => it.name);

    expect(await migrateDown(pool)).toEqual([names.at(-1)]);
    expect(await migrateDown(pool, { to: "0001_outbox" })).toEqual(names.slice(1, -1).reverse());
    expect(await migrateDown(pool, { to: "0001_outbox" })).toEqual([]);
    expect(await readSchemaStatus(pool)).toMatchObject({ state: "outdated" });
  });

  test("is refused while workers are connected, unless it is meant", async ({ pool }) => {
    const worker = await pool.connect();
    await worker.query("set application_name = 'oncebox worker'");

    await expect(migrateDown(pool)).rejects.toMatchObject({
      code: "ONCEBOX_MOVE_REFUSED",
      hint: expect.stringContaining("--force"),
    });
    expect(await readDrift(pool)).toEqual([]);
    expect(await migrateDown(pool, { force: true })).toHaveLength(1);
    worker.release(true);
  });

  test("is refused for a migration that there is none of, and for a newer version's", async ({
    pool,
  }) => {
    await expect(migrateDown(pool, { to: "0007_nothing" })).rejects.toMatchObject({
      code: "ONCEBOX_INPUT_INVALID",
      hint: expect.stringContaining("0001_outbox"),
    });
    await pool.query("insert into oncebox.migration values ('9999_future', now())");
    await expect(migrateDown(pool)).rejects.toMatchObject({ code: "ONCEBOX_SCHEMA_OUTDATED" });
  });
});
