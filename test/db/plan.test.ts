import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runMigrations } from "graphile-worker";
import { describe, expect } from "vitest";
import { readDrift } from "../../src/db/drift.ts";
import {
  migrate,
  migrateDown,
  planMigration,
  readSchemaStatus,
  sentenceOf,
  sqlOf,
} from "../../src/db/migrate.ts";
import { openPool } from "../support/database.ts";
import { test } from "../support/fixture.ts";
import { readShape } from "./support/catalog.ts";
import { oncebox, run } from "./support/oncebox.ts";

const PSQL = "psql";
const HAS_PSQL = spawnSync(PSQL, ["--version"]).status === 0;

/** What would be felt: the locks on what is there already. */
function feltOf(plan: Awaited<ReturnType<typeof planMigration>>): string[] {
  return plan.parts
    .flatMap((it) => it.statements)
    .map(sentenceOf)
    .filter((it) => !/^locks (?:no table|only what is new)$/.test(it));
}

describe("migrate plan", () => {
  test("of an empty database locks nothing that is there", async ({ emptyDatabaseUrl }) => {
    const pool = openPool(emptyDatabaseUrl);

    const plan = await planMigration(pool);

    expect(plan).toMatchObject({ state: "missing", hasGraphileWorker: false });
    expect(plan.parts.filter((it) => it.kind === "migration").map((it) => it.name)).toEqual(
      (await readSchemaStatus(pool)).migrations.map((it) => it.name),
    );
    expect(feltOf(plan)).toEqual([]);
    await pool.end();
  });

  test("of leads that are there says how they are locked, and that they are not rewritten", async ({
    emptyDatabaseUrl,
  }) => {
    const pool = openPool(emptyDatabaseUrl);
    await pool.query("create table public.landing_leads (id uuid primary key)");

    const felt = feltOf(await planMigration(pool));

    expect(felt).toContain("ACCESS EXCLUSIVE on public.landing_leads");
    expect(felt).toContain("SHARE ROW EXCLUSIVE on public.landing_leads");
    expect(felt.join()).not.toMatch(/rewrites|reads all/);
    await pool.end();
  });

  test("of a current schema has no migration, only what every migrate replaces", async ({
    pool,
  }) => {
    const plan = await planMigration(pool);

    expect(plan.state).toBe("current");
    expect(plan.parts.filter((it) => it.kind === "migration")).toEqual([]);
    expect(feltOf(plan)).toContain("SHARE ROW EXCLUSIVE on oncebox.notification");
  });

  test("says of a step whether last release's workers keep working", async ({ pool }) => {
    await migrateDown(pool, { to: "0001_outbox" });

    const plan = await planMigration(pool);

    expect(
      plan.parts.filter((it) => it.kind === "migration").map((it) => [it.name, it.keepsWorkers]),
    ).toEqual(
      expect.arrayContaining([
        ["0002_input_rules", true],
        ["0003_survival", false],
        ["0005_dba", true],
      ]),
    );
  });

  test("needs no right to write, and changes nothing", async ({ databaseUrl, pool }) => {
    const role = `reader_${Math.random().toString(36).slice(2)}`;
    await migrateDown(pool, { to: "0002_input_rules" });
    await pool.query(`
      create role ${role} login password 'x';
      grant usage on schema oncebox to ${role};
      grant select on oncebox.migration, oncebox.setting to ${role};
      alter role ${role} set default_transaction_read_only = on`);
    const before = await readShape(pool);
    const url = new URL(databaseUrl);
    url.username = role;
    url.password = "x";

    const text = await oncebox(["migrate", "plan"], { DATABASE_URL: url.href });
    const json = await oncebox(["migrate", "plan", "--json"], { DATABASE_URL: url.href });

    expect([text.exitCode, text.stderr, json.exitCode, json.stderr]).toEqual([0, "", 0, ""]);
    expect(text.stdout).toMatch(/^-- 0003_survival: last release's workers stop$/m);
    expect(text.stdout).toMatch(
      /^-- ACCESS EXCLUSIVE on oncebox\.worker\n(?:(?:--.*)?\n)*alter table oncebox\.worker$/m,
    );
    expect(JSON.parse(json.stdout)).toMatchObject({ state: "outdated", hasGraphileWorker: true });
    expect(await readShape(pool)).toEqual(before);
    await pool.query(`drop owned by ${role}; drop role ${role}`);
  });

  test("is refused for a database of a newer version", async ({ pool }) => {
    await pool.query("insert into oncebox.migration values ('9999_future', now())");

    await expect(planMigration(pool)).rejects.toMatchObject({ code: "ONCEBOX_SCHEMA_OUTDATED" });
  });
});

describe.skipIf(!HAS_PSQL)(`migrate plan --sql${HAS_PSQL ? "" : " (no psql here)"}`, () => {
  for (const from of ["nothing", "0001_outbox"]) {
    test(`run by psql gives what migrate up gives, from ${from}`, async ({ emptyDatabaseUrl }) => {
      const pool = openPool(emptyDatabaseUrl);
      if (from !== "nothing") {
        await migrate(pool);
        await migrateDown(pool, { to: from });
      }
      const text = sqlOf(await planMigration(pool), 2_000);
      await runMigrations({ pgPool: pool });

      const ended = await psqlFile(emptyDatabaseUrl, text);

      expect(ended).toMatchObject({ exitCode: 0 });
      expect(ended.stderr).not.toMatch(/ERROR/);
      expect(await readSchemaStatus(pool)).toMatchObject({ state: "current" });
      expect(await readDrift(pool)).toEqual([]);
      expect(await migrate(pool)).toEqual([]);
      await pool.end();
    });
  }

  test("without graphile-worker's schema stops before anything, and says the command", async ({
    emptyDatabaseUrl,
  }) => {
    const pool = openPool(emptyDatabaseUrl);

    const ended = await psqlFile(emptyDatabaseUrl, sqlOf(await planMigration(pool), 2_000));

    expect(ended.exitCode).not.toBe(0);
    expect(ended.stderr).toMatch(/npx graphile-worker --schema-only/);
    expect((await readShape(pool)).filter((it) => it.includes("oncebox"))).toEqual([]);
    await pool.end();
  });
});

async function psqlFile(databaseUrl: string, text: string) {
  const folder = await mkdtemp(join(tmpdir(), "oncebox-plan-"));
  try {
    const file = join(folder, "upgrade.sql");
    await writeFile(file, text);
    return await run(
      PSQL,
      ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", file, databaseUrl],
      { PGCLIENTENCODING: "UTF8" },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}
