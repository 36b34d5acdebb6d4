import { readFileSync } from "node:fs";
import type pg from "pg";
import { describe, expect } from "vitest";
import { readCatalog } from "../../src/db/catalog.ts";
import { dumpOf, parseDump, readDrift } from "../../src/db/drift.ts";
import { migrate, migrateDown } from "../../src/db/migrate.ts";
import { applyRoles } from "../../src/db/roles.ts";
import { openPool } from "../support/database.ts";
import { test } from "../support/fixture.ts";
import { oncebox } from "./support/oncebox.ts";

const DUMP = readFileSync("sql/schema.sql", "utf8");

async function objectsOf(pool: pg.Pool): Promise<string[]> {
  return (await readDrift(pool)).map(({ what, object }) => `${what} ${object}`);
}

describe("sql/schema.sql", () => {
  test("is a fresh install (write it anew with: node scripts/schema.ts)", async ({ pool }) => {
    expect(dumpOf(await readCatalog(pool))).toBe(DUMP);
  });

  test("is what went down and up again", async ({ pool }) => {
    await migrateDown(pool, { to: "none" });
    await migrate(pool);

    expect(dumpOf(await readCatalog(pool))).toBe(DUMP);
  });

  test("is read back as it was written", () => {
    const entries = parseDump(DUMP);

    expect(dumpOf(entries)).toBe(DUMP);
    expect(entries.length).toBeGreaterThan(250);
  });
});

describe("drift", () => {
  const drifts: readonly [what: string, statement: string, found: string][] = [
    [
      "an index that was dropped",
      "drop index oncebox.notification_due",
      "missing index oncebox.notification_due",
    ],
    [
      "an index that is another one under its name",
      "drop index oncebox.notification_due; create index notification_due on oncebox.notification (due_at)",
      "changed index oncebox.notification_due",
    ],
    [
      "an index that was left half built",
      "update pg_index set indisvalid = false where indexrelid = 'oncebox.notification_due'::regclass",
      "changed index oncebox.notification_due",
    ],
    [
      "a function with another body",
      "create or replace function oncebox.mask_name(name text) returns text language sql immutable parallel safe as 'select name'",
      "changed function oncebox.mask_name(name text)",
    ],
    [
      "a function that was dropped",
      "drop function oncebox.cancel(bigint, text, text)",
      "missing function oncebox.cancel(notification_id bigint, actor text, reason text)",
    ],
    [
      "a column that was dropped",
      "alter table oncebox.channel drop column next_slot_at",
      "missing column oncebox.channel.next_slot_at",
    ],
    [
      "a default that was changed",
      "alter table oncebox.notification alter column kind set default 'other'",
      "changed column oncebox.notification.kind",
    ],
    [
      "a column that may be null now",
      "alter table oncebox.notification alter column recipient drop not null",
      "changed column oncebox.notification.recipient",
    ],
    [
      "a constraint that was dropped",
      "alter table oncebox.notification drop constraint notification_state_known",
      "missing constraint oncebox.notification.notification_state_known",
    ],
    ["a view that was dropped", "drop view oncebox.lookups", "missing view oncebox.lookups"],
    [
      "a view that reads with another's rights",
      "alter view oncebox.lookups set (security_invoker = true)",
      "changed view oncebox.lookups",
    ],
    [
      "rows that are shown to whoever is granted a table",
      "alter table oncebox.audit disable row level security",
      "missing row level security oncebox.audit",
    ],
    [
      "a trigger that is switched off",
      "alter table oncebox.notification disable trigger notification_after_insert",
      "changed trigger oncebox.notification.notification_after_insert",
    ],
    [
      "our column of the leads that was dropped",
      "alter table public.landing_leads drop column sms_sent_at",
      "missing column public.landing_leads.sms_sent_at",
    ],
    [
      "graphile-worker's schema that was dropped",
      "drop schema graphile_worker cascade",
      "missing table graphile_worker._private_jobs",
    ],
  ];
  for (const [what, statement, found] of drifts) {
    test(`names ${what}`, async ({ pool }) => {
      expect(await readDrift(pool)).toEqual([]);

      await pool.query(statement);

      expect(await objectsOf(pool)).toEqual([found]);
    });
  }

  test("is none for what is somebody's own, nor for comments", async ({ pool }) => {
    await pool.query(`
      create index mine on oncebox.notification (created_at);
      create view oncebox.report as select count(*) from oncebox.notification;
      comment on table oncebox.notification is 'ours now';
      alter table public.landing_leads add column utm text`);

    expect(await readDrift(pool)).toEqual([]);
  });

  test("is none on leads that were there before oncebox", async ({ emptyDatabaseUrl }) => {
    const pool = openPool(emptyDatabaseUrl);
    await pool.query(
      "create table public.landing_leads (id uuid primary key, name varchar(60), phone varchar(20), sms_sent boolean)",
    );
    await migrate(pool);

    expect(await readDrift(pool)).toEqual([]);
    await pool.end();
  });

  test("is none where the roles are applied", async ({ pool }) => {
    await applyRoles(pool);
    expect(await readDrift(pool)).toEqual([]);

    await migrate(pool);

    expect(await readDrift(pool)).toEqual([]);
  });

  test("of functions, views and triggers is mended by migrate up", async ({ pool }) => {
    await pool.query(`
      drop view oncebox.lookups;
      drop trigger notification_after_insert on oncebox.notification;
      create or replace function oncebox.mask_name(name text) returns text language sql as 'select name'`);
    expect(await objectsOf(pool)).toHaveLength(3);

    await migrate(pool);

    expect(await readDrift(pool)).toEqual([]);
  });
});

describe("oncebox migrate check", () => {
  test("exits 1 and names each difference, or 0", async ({ databaseUrl, pool }) => {
    const env = { DATABASE_URL: databaseUrl };

    const well = await oncebox(["migrate", "check"], env);
    await pool.query("drop index oncebox.notification_due");
    const json = await oncebox(["migrate", "check", "--json"], env);
    await pool.query("grant execute on function oncebox.reference to public");
    const ill = await oncebox(["migrate", "check"], env);

    expect(well).toEqual({
      exitCode: 0,
      stdout: "the schema is as this version made it\n",
      stderr: "",
    });
    expect(ill).toMatchObject({ exitCode: 1, stderr: "" });
    expect(ill.stdout).toMatch(
      /^missing index oncebox\.notification_due\n.*oncebox\.reference.*\n/,
    );
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.stdout)).toEqual({
      state: "current",
      rights: [],
      differences: [
        {
          what: "missing",
          object: "index oncebox.notification_due",
          expected: expect.stringMatching(/^CREATE INDEX notification_due /),
          found: null,
        },
      ],
    });
  });
});
