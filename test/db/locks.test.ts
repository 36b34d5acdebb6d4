import { runMigrations } from "graphile-worker";
import type pg from "pg";
import { describe, expect } from "vitest";
import { footprintOf, LOCK_MODES, type TableLock } from "../../src/db/migrations/locks.ts";
import { readForeignKeys } from "../../src/db/migrations/plan.ts";
import { splitStatements } from "../../src/db/migrations/statements.ts";
import { readBehaviour, readSql, readSteps, recordOf } from "../../src/db/migrations/steps.ts";
import { applyRoles } from "../../src/db/roles.ts";
import { openPool } from "../support/database.ts";
import { test } from "../support/fixture.ts";
import { until } from "../support/until.ts";

/** What a statement really did to the relations that were there before it. */
interface Observed {
  readonly locks: Readonly<Record<string, string>>;
  readonly rewritten: readonly string[];
  readonly scanned: readonly string[];
}

const RELATIONS = `
  select c.oid::text as oid, n.nspname || '.' || c.relname as name, c.relkind, c.relfilenode::text as file,
         coalesce(s.seq_scan, 0)::int as scans
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    left join pg_stat_xact_all_tables as s on s.relid = c.oid
   where n.nspname in ('oncebox', 'public', 'graphile_worker') and c.relkind in ('r', 'v', 'i')`;

interface Relation {
  readonly oid: string;
  readonly name: string;
  readonly relkind: string;
  readonly file: string;
  readonly scans: number;
}

/** Runs the statement in a transaction of its own, and commits it. */
async function observe(client: pg.PoolClient, statement: string): Promise<Observed> {
  await client.query("begin");
  await client.query("set local check_function_bodies = off");
  const { rows: before } = await client.query<Relation>(RELATIONS);
  await client.query(statement);
  const { rows: after } = await client.query<Relation>(RELATIONS);
  const { rows: held } = await client.query<{ oid: string; mode: string }>(
    `select relation::text as oid, regexp_replace(mode, 'Lock$', '') as mode
       from pg_locks where pid = pg_backend_pid() and locktype = 'relation' and granted`,
  );
  await client.query("commit");
  const known = before.filter(
    (it) => it.relkind !== "i" || /^comment on index/.test(statement.trim()),
  );
  const locks = known.flatMap(({ oid, name }) => {
    const modes = held.filter((it) => it.oid === oid).map((it) => spaced(it.mode));
    const strongest = LOCK_MODES.findLast((it) => modes.includes(it));
    return strongest === undefined ? [] : [[name, strongest]];
  });
  const changed = (differs: (a: Relation, b: Relation) => boolean) =>
    known
      .filter((it) => after.some((other) => other.oid === it.oid && differs(it, other)))
      .map((it) => it.name)
      .sort();
  return {
    locks: Object.fromEntries(locks),
    rewritten: changed((a, b) => a.file !== b.file),
    scanned: changed((a, b) => b.scans > a.scans),
  };
}

/** AccessExclusive -> ACCESS EXCLUSIVE */
function spaced(mode: string): string {
  return mode.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").toUpperCase();
}

/** Runs the statements one by one, and compares each with what the plan says of it. */
async function compare(pool: pg.Pool, statements: readonly string[]): Promise<number> {
  const client = await pool.connect();
  let compared = 0;
  try {
    for (const statement of statements) {
      const { rows } = await client.query<Relation>(RELATIONS);
      const { locks, isCertain } = footprintOf(statement, await readForeignKeys(client));
      const declared = locks.filter((it) => rows.some((row) => row.name === it.table));
      const observed = await observe(client, statement);
      const strong = declared.filter((it) => it.mode !== "ROW EXCLUSIVE").map((it) => it.table);
      const real = {
        statement,
        locks: observed.locks,
        rewritten: observed.rewritten,
        // What a plain read or write looks at does not matter here.
        scanned: observed.scanned.filter((it) => strong.includes(it)),
      };
      const said = {
        statement,
        locks: Object.fromEntries(declared.map((it) => [it.table, it.mode])),
        rewritten: namesOf(declared, (it) => it.rewrites),
        scanned: namesOf(declared, (it) => it.scans),
      };
      if (isCertain) expect(said).toEqual(real);
      else expect(said).toMatchObject(real);
      compared += Object.keys(observed.locks).length;
    }
    return compared;
  } finally {
    client.release();
  }
}

function namesOf(locks: readonly TableLock[], does: (lock: TableLock) => boolean): string[] {
  return locks
    .filter(does)
    .map((it) => it.table)
    .sort();
}

const OLD_TABLE = `
  create table public.landing_leads (id uuid primary key, name varchar(60), phone varchar(20), sms_sent boolean);
  insert into public.landing_leads
  select gen_random_uuid(), 'A', '+77771234567', false from generate_series(1, 100)`;

const ROWS = `
  insert into oncebox.notification (lead_id, channel, recipient, body)
  select id, 'sms', '+77771234567', 'x' from public.landing_leads`;

describe("what the plan says of a statement", () => {
  test("is what Postgres does, for every statement of every migration on tables with rows", async ({
    emptyDatabaseUrl,
  }) => {
    const pool = openPool(emptyDatabaseUrl);
    const steps = await readSteps();
    await pool.query(OLD_TABLE);
    await runMigrations({ pgPool: pool });
    let compared = await compare(pool, splitStatements(await readSql("record.sql")));

    for (const step of steps) {
      const [index = "", ...comments] = step.up;
      // No transaction block may hold it; the test below looks at its lock.
      if (step.concurrentIndex !== null) await pool.query(index);
      const statements = step.concurrentIndex === null ? step.up : comments;
      compared += await compare(pool, [...statements, ...recordOf(steps, step.name)]);
      if (step.name === "0001_outbox") await pool.query(ROWS);
    }
    const first = await readBehaviour(false);
    compared += await compare(
      pool,
      first.flatMap((it) => it.statements),
    );
    await applyRoles(pool);
    const second = await readBehaviour(true);
    const again = await compare(
      pool,
      second.flatMap((it) => it.statements),
    );

    expect(compared).toBeGreaterThan(40);
    expect(again).toBeGreaterThan(8);
    await pool.end();
  });

  test("is what Postgres does, for what the next migrations may need", async ({ pool }) => {
    const compared = await compare(pool, [
      "create table oncebox.a (id bigint, n integer, t text)",
      "insert into oncebox.a select i, i, i from generate_series(1, 100) as i",
      "create table oncebox.b (id bigint primary key)",
      "insert into oncebox.b select i from generate_series(1, 100) as i",
      "create index a_n on oncebox.a (n)",
      "create unique index a_t on oncebox.a (t)",
      "alter table oncebox.a add column plain text",
      "alter table oncebox.a add column constant text not null default 'x'",
      "alter table oncebox.a add column stable timestamptz default now()",
      "alter table oncebox.a add column volatile uuid default gen_random_uuid()",
      "alter table oncebox.a add column volatile_time timestamptz default clock_timestamp()",
      "alter table oncebox.a add constraint a_positive check (n > 0) not valid",
      "alter table oncebox.a validate constraint a_positive",
      "alter table oncebox.a add constraint a_short check (length(t) < 10)",
      "alter table oncebox.a add constraint a_b foreign key (id) references oncebox.b (id) not valid",
      "alter table oncebox.a alter column t set not null",
      "alter table oncebox.a alter column t drop not null",
      "alter table oncebox.a alter column n set default 1",
      "alter table oncebox.a alter column n type bigint",
      "alter table oncebox.a drop column plain, add column other text",
      "create view oncebox.v as select id from oncebox.a",
      "create or replace view oncebox.v as select id from oncebox.a",
      "comment on view oncebox.v is 'x'",
      "drop view oncebox.v",
      "update oncebox.a set n = 2 where id = 1",
      "delete from oncebox.a where id = 1",
      "analyze oncebox.a",
      "alter table oncebox.a drop constraint a_short",
      "alter table oncebox.a drop constraint a_b",
    ]);

    expect(compared).toBeGreaterThan(20);
  });

  test("is what Postgres does while an index is built concurrently", async ({ pool }) => {
    const [writer, builder] = [await pool.connect(), await pool.connect()];
    const statement = "create index concurrently late on oncebox.audit (actor)";
    await writer.query("begin; lock table oncebox.audit in row exclusive mode");

    const built = builder.query(statement);
    const modes = await until("it waits for the writer", async () => {
      const { rows } = await pool.query<{ mode: string }>(
        `select regexp_replace(l.mode, 'Lock$', '') as mode
           from pg_locks as l join pg_stat_activity as a on a.pid = l.pid
          where l.relation = 'oncebox.audit'::regclass and a.query like 'create index concurrently%'
            and exists (select from pg_locks as w where w.pid = l.pid and not w.granted)`,
      );
      return rows.length > 0 && rows.map((row) => spaced(row.mode));
    });
    await writer.query("rollback");
    await built;

    expect(modes).toEqual([footprintOf(statement).locks[0]?.mode]);
    writer.release();
    builder.release();
  });

  test("is an error rather than a guess where no rule fits", () => {
    expect(() => footprintOf("cluster oncebox.audit")).toThrow(/no rule says what this locks/);
    expect(() => footprintOf("alter table oncebox.audit set logged")).toThrow(/no rule/);
  });
});

/** Up to here tables are empty when an index is built: no release came before. */
const LAST_OF_FIRST_RELEASE = "0008_trace";

describe("a migration after the first release", () => {
  test("builds an index on a table that was there concurrently, alone in its file", async () => {
    const offenders = (await readSteps())
      .filter((it) => it.name > LAST_OF_FIRST_RELEASE && it.concurrentIndex === null)
      .filter(({ up }) => {
        const text = up.join(";\n");
        return [...text.matchAll(/^\s*create (?:unique )?index .*? on ([\w.]+)/gm)].some(
          ([, table]) => !text.includes(`create table ${table} `),
        );
      })
      .map((it) => it.name);

    expect(offenders).toEqual([]);
  });
});
