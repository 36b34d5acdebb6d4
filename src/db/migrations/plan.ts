import type pg from "pg";
import { readVersion } from "../../version.ts";
import { areRolesApplied } from "../roles.ts";
import { type ForeignKeys, footprintOf, type TableLock } from "./locks.ts";
import { splitStatements, withoutComments } from "./statements.ts";
import { assertNotNewer, readSchemaStatus, type SchemaStatus } from "./status.ts";
import { readBehaviour, readSql, readSteps, recordOf, releaseNote } from "./steps.ts";

interface PlannedLock extends TableLock {
  /** The table is not there yet, or comes with this plan: nobody can be waiting for it. */
  readonly isNew: boolean;
}

export interface PlannedStatement {
  readonly sql: string;
  readonly locks: readonly PlannedLock[];
  /** `false`: it depends on what is there, so it takes these locks or some of them. */
  readonly isCertain: boolean;
}

interface PlannedPart {
  /** The migration, or the file of `sql/`. */
  readonly name: string;
  /** `migration`: once. `behaviour`: at every migrate, all of them in one transaction. */
  readonly kind: "record" | "migration" | "behaviour";
  /** Whether the last release's workers keep working after it. */
  readonly keepsWorkers: boolean;
  /** The index that is built outside of a transaction; null = the part is in one. */
  readonly concurrentIndex: string | null;
  readonly statements: readonly PlannedStatement[];
}

export interface Plan {
  readonly state: SchemaStatus["state"];
  /** Whether graphile-worker's own schema is there; `up` makes it first, or brings it up to date. */
  readonly hasGraphileWorker: boolean;
  readonly parts: readonly PlannedPart[];
}

/** graphile-worker's own schema, for those who run SQL by another tool. */
const GRAPHILE_COMMAND = 'npx graphile-worker --schema-only --connection "$DATABASE_URL"';

/**
 * What `migrate` would run now, statement by statement, and what each would lock. Reads in a read-only
 * transaction; a role that may see the tables of oncebox is enough.
 *
 * @throws OnceboxError `ONCEBOX_SCHEMA_OUTDATED` - the database was migrated by a later version.
 */
export async function planMigration(pool: pg.Pool, folder?: URL): Promise<Plan> {
  const steps = await readSteps(folder);
  const client = await pool.connect();
  try {
    await client.query("begin transaction isolation level repeatable read read only");
    const status = await readSchemaStatus(client, steps);
    assertNotNewer(status);
    const toCome = status.migrations.filter((it) => it.appliedAt === null).map((it) => it.name);
    const existing = await readRelations(client);
    const foreignKeys = await readForeignKeys(client);
    const plan = (statements: readonly string[]) =>
      statements.map((it) => planStatement(it, existing, foreignKeys));
    const part = { kind: "migration", concurrentIndex: null, keepsWorkers: true } as const;
    return {
      state: status.state,
      hasGraphileWorker: existing.has("graphile_worker._private_jobs"),
      parts: [
        {
          ...part,
          name: "sql/record.sql",
          kind: "record",
          statements: plan(splitStatements(await readSql("record.sql"))),
        },
        ...steps
          .filter((it) => toCome.includes(it.name))
          .map((it) => ({
            ...part,
            name: it.name,
            keepsWorkers: it.keepsWorkers,
            concurrentIndex: it.concurrentIndex,
            statements: plan([...it.up, ...recordOf(steps, it.name)]),
          })),
        ...(await readBehaviour(await areRolesApplied(client))).map((it) => ({
          ...part,
          name: it.name,
          kind: "behaviour" as const,
          statements: plan(it.statements),
        })),
        {
          ...part,
          name: "who migrated",
          kind: "behaviour",
          statements: plan(releaseNote(steps, steps.at(-1)?.name ?? "")),
        },
      ],
    };
  } finally {
    await client.query("rollback").catch(() => {});
    client.release();
  }
}

async function readRelations(client: pg.PoolClient): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>(
    `select n.nspname || '.' || c.relname as name
       from pg_class as c
       join pg_namespace as n
         on n.oid = c.relnamespace
      where n.nspname in ('oncebox', 'public', 'graphile_worker')`,
  );
  return new Set(rows.map((row) => row.name));
}

/** Those between our tables, and to the leads. */
export async function readForeignKeys(client: pg.PoolClient): Promise<ForeignKeys> {
  const { rows } = await client.query<{ name: string; target: string }>(
    `select format('%s.%s.%s', s.nspname, c.relname, k.conname) as name, t.nspname || '.' || f.relname as target
       from pg_constraint as k
       join pg_class as c on c.oid = k.conrelid
       join pg_namespace as s on s.oid = c.relnamespace
       join pg_class as f on f.oid = k.confrelid
       join pg_namespace as t on t.oid = f.relnamespace
      where k.contype = 'f'
        and s.nspname = 'oncebox'`,
  );
  return new Map(rows.map((row) => [row.name, row.target]));
}

function planStatement(
  sql: string,
  existing: ReadonlySet<string>,
  foreignKeys: ForeignKeys,
): PlannedStatement {
  const { locks, isCertain } = footprintOf(sql, foreignKeys);
  return { sql, isCertain, locks: locks.map((it) => ({ ...it, isNew: !existing.has(it.table) })) };
}

/** What the statement means for those who use the database meanwhile, in one line. */
export function sentenceOf({ locks, isCertain }: PlannedStatement): string {
  const felt = locks.filter((it) => !it.isNew);
  if (felt.length === 0) return locks.length === 0 ? "locks no table" : "locks only what is new";
  const each = felt.map((it) => {
    const does = it.rewrites ? ", rewrites it" : it.scans ? ", reads all of it" : "";
    return `${it.mode} on ${it.table}${does}`;
  });
  return `${isCertain ? "" : "at most "}${each.join("; ")}`;
}

/**
 * The plan as one file for psql and for tools that run SQL: it applies the same, in the same order, and
 * notes it as applied.
 */
export function sqlOf(plan: Plan, lockTimeoutMs: number): string {
  const once = plan.parts.filter((it) => it.kind !== "behaviour");
  const behaviour = plan.parts.filter((it) => it.kind === "behaviour");
  const begin = `begin;\nset local lock_timeout = ${lockTimeoutMs};\n`;
  const body = (part: PlannedPart) =>
    part.statements.map((it) => `-- ${sentenceOf(it)}\n${it.sql};\n`).join("\n");
  return [
    `-- oncebox ${readVersion()}: what oncebox migrate up would run, as of a database that is ${plan.state}.
--
-- First, graphile-worker's own schema, by its own command:
--   ${GRAPHILE_COMMAND}
-- Then this file, such as with psql -v ON_ERROR_STOP=1 -f FILE. It has transactions of its own, so no
-- --single-transaction. When one of them ends with a lock timeout, run oncebox migrate plan --sql again for the rest.
do $$
begin
  if to_regclass('graphile_worker._private_jobs') is null then
    raise exception 'graphile-worker''s schema is not there'
      using hint = 'Run first: ${GRAPHILE_COMMAND}';
  end if;
end
$$;
`,
    ...once.map((it) =>
      it.concurrentIndex === null
        ? `-- ${it.name}\n${begin}\n${body(it)}\ncommit;\n`
        : // What an earlier run left half built would be in the way.
          `-- ${it.name}: not in a transaction\ndrop index concurrently if exists ${it.concurrentIndex};\n${body(it)}`,
    ),
    `-- Functions, views and seeds\n${begin}set local check_function_bodies = off;\n`,
    ...behaviour.map((it) => `-- ${it.name}\n${body(it)}`),
    "commit;\n",
  ].join("\n");
}

/** A statement's first line, for a list. */
export function firstLineOf(sql: string): string {
  const bare = withoutComments(sql);
  return bare.length > 100 ? `${bare.slice(0, 99)}…` : bare;
}
