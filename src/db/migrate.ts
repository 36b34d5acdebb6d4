import { readdir, readFile } from "node:fs/promises";
import { runMigrations } from "graphile-worker";
import { Kysely, PostgresDialect, sql } from "kysely";
import { type Migration, type MigrationProvider, Migrator } from "kysely/migration";
import type pg from "pg";
import { OnceboxError } from "../errors.ts";
import { readVersion } from "../version.ts";
import { fromPostgres } from "./errors.ts";
import { keepRoles } from "./roles.ts";

const MIGRATIONS = new URL("../../migrations/", import.meta.url);
const SQL = new URL("../../sql/", import.meta.url);

/** Any number, the same in every version: whoever holds it is migrating. */
const MIGRATION_LOCK = 4_600_146_001;

export interface MigrationState {
  readonly name: string;
  /** When it was applied; null while it is still to come. */
  readonly appliedAt: Date | null;
}

export interface SchemaStatus {
  /**
   * `missing`: never migrated. `outdated`: steps are to come. `newer`: made by a later version, and
   * this one runs on it. `too_new`: made by a later version, and this one must not run on it.
   */
  readonly state: "missing" | "outdated" | "current" | "newer" | "too_new";
  /** The version that migrated it last; null when it was never migrated, or nobody knows. */
  readonly migratedBy: string | null;
  readonly migrations: readonly MigrationState[];
}

/**
 * Brings the database to this version's shape: graphile-worker's schema, `migrations/`, then the
 * functions, views and seeds of `sql/`, which are replaced as a whole.
 *
 * Harmless to run again, and by several at once: one works, the others wait and find it done.
 *
 * @param pool - Needs three connections, of a role that may create schemas.
 * @returns The names of the migrations applied now, in order.
 * @throws OnceboxError `ONCEBOX_SCHEMA_UNADOPTABLE` - `public.landing_leads` is there and has
 *   a shape that cannot be adopted; nothing was changed.
 * @throws OnceboxError `ONCEBOX_SCHEMA_OUTDATED` - the database was migrated by a later version.
 */
export async function migrate(pool: pg.Pool): Promise<string[]> {
  return await holdingLock(pool, async () => {
    const status = await readSchemaStatus(pool);
    if (status.state === "newer" || status.state === "too_new") {
      throw new OnceboxError(
        "ONCEBOX_SCHEMA_OUTDATED",
        "the database was migrated by a newer oncebox",
        {
          hint: "Run the newer version's migrate; an older one cannot take its changes back.",
        },
      );
    }
    if (status.migrations.every((it) => it.appliedAt === null)) await assertAdoptable(pool);
    await runMigrations({ pgPool: pool });
    const applied = await applyMigrations(pool);
    await applyBehaviour(pool);
    return applied;
  });
}

/** Which migrations this version knows, and which of them the database has. Changes nothing. */
export async function readSchemaStatus(pool: pg.Pool): Promise<SchemaStatus> {
  const known = Object.keys(await readMigrations());
  const { rows: found } = await pool.query<{ exists: boolean }>(
    "select to_regclass('oncebox.migration') is not null as exists",
  );
  if (!found[0]?.exists) {
    return {
      state: "missing",
      migratedBy: null,
      migrations: known.map((name) => ({ name, appliedAt: null })),
    };
  }
  const { rows } = await pool.query<{ name: string; timestamp: string }>(
    "select name, timestamp from oncebox.migration order by name",
  );
  const applied = new Map(rows.map((row) => [row.name, new Date(row.timestamp)]));
  const isOurs = rows.every((row) => known.includes(row.name));
  const hasAll = known.every((name) => applied.has(name));
  const { required, migratedBy } = hasAll ? await readRelease(pool) : NO_RELEASE;
  const runsHere = required !== null && known.includes(required);
  return {
    state: isOurs ? (hasAll ? "current" : "outdated") : runsHere ? "newer" : "too_new",
    migratedBy,
    migrations: [...new Set([...known, ...applied.keys()])]
      .sort()
      .map((name) => ({ name, appliedAt: applied.get(name) ?? null })),
  };
}

interface Release {
  /** The newest migration that a worker has to know to run on this database. */
  readonly required: string | null;
  readonly migratedBy: string | null;
}

const NO_RELEASE: Release = { required: null, migratedBy: null };

async function readRelease(pool: pg.Pool): Promise<Release> {
  const { rows } = await pool.query<Release>(
    `select required_migration as required, migrated_by as "migratedBy" from oncebox.setting`,
  );
  return rows[0] ?? NO_RELEASE;
}

/**
 * That this version's workers and callers may run on the database's schema: its own, or a later one
 * that says so.
 *
 * @throws OnceboxError `ONCEBOX_SCHEMA_MISSING`, `ONCEBOX_SCHEMA_OUTDATED`.
 */
export async function assertSchemaIsCurrent(pool: pg.Pool): Promise<void> {
  const { state, migratedBy } = await readSchemaStatus(pool);
  if (state === "current" || state === "newer") return;
  if (state === "too_new") {
    const theirs = migratedBy === null ? "the version that migrated it" : `oncebox ${migratedBy}`;
    throw new OnceboxError(
      "ONCEBOX_SCHEMA_OUTDATED",
      `the database was migrated by a newer oncebox, and this one (${readVersion()}) cannot run on it`,
      { hint: `Start ${theirs}, or a later one, instead.` },
    );
  }
  throw new OnceboxError(
    state === "missing" ? "ONCEBOX_SCHEMA_MISSING" : "ONCEBOX_SCHEMA_OUTDATED",
    state === "missing"
      ? "the database has no oncebox schema"
      : "the database's schema is older than this oncebox",
    { hint: "Run: oncebox migrate up" },
  );
}

/**
 * A transaction-level lock on a connection of its own: it goes with the connection, whatever
 * happens to us, and is safe behind a pooler, where a session-level one may outlive its session.
 */
async function holdingLock<T>(pool: pg.Pool, work: () => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query("set local idle_in_transaction_session_timeout = 0");
    await client.query("select pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
    return await work();
  } finally {
    await client.query("rollback").catch(() => {});
    client.release();
  }
}

/** First of all, and read only: after a refusal not even graphile-worker's schema is there. */
async function assertAdoptable(pool: pg.Pool): Promise<void> {
  try {
    await pool.query(await readFile(new URL("adoptable.sql", SQL), "utf8"));
  } catch (error) {
    throw fromPostgres(error);
  }
}

async function applyMigrations(pool: pg.Pool): Promise<string[]> {
  const db = new Kysely<unknown>({
    // Kysely ends its pool when destroyed; this one is the caller's, so it is never destroyed.
    dialect: new PostgresDialect({ pool }),
  });
  const migrator = new Migrator({
    db,
    provider: { getMigrations: readMigrations } satisfies MigrationProvider,
    migrationTableSchema: "oncebox",
    migrationTableName: "migration",
    migrationLockTableName: "migration_lock",
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw fromPostgres(error);
  return (results ?? []).map((it) => it.migrationName);
}

/** Functions, views, then what fills tables with facts, in one transaction: callers see the old or the new. */
async function applyBehaviour(pool: pg.Pool): Promise<void> {
  const texts = [
    ...(await readSqlFolder("functions/")),
    ...(await readSqlFolder("views/")),
    await readFile(new URL("phone_plan.sql", SQL), "utf8"),
    await readFile(new URL("seeds.sql", SQL), "utf8"),
    await readFile(new URL("private.sql", SQL), "utf8"),
  ];
  const client = await pool.connect();
  try {
    await client.query("begin");
    // Functions name each other; their order in the folder is the alphabet's.
    await client.query("set local check_function_bodies = off");
    for (const text of texts) await client.query(text);
    await keepRoles(client);
    await client.query("update oncebox.setting set required_migration = $1, migrated_by = $2", [
      await readRequiredMigration(),
      readVersion(),
    ]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw fromPostgres(error);
  } finally {
    client.release();
  }
}

async function readSqlFolder(folder: string): Promise<string[]> {
  const files = (await readdir(new URL(folder, SQL))).filter((it) => it.endsWith(".sql")).sort();
  return await Promise.all(files.map((it) => readFile(new URL(folder + it, SQL), "utf8")));
}

/** The last migration whose header says that workers of the release before it stop. */
async function readRequiredMigration(): Promise<string> {
  const files = (await readdir(MIGRATIONS)).filter((it) => it.endsWith(".up.sql")).sort();
  const texts = await Promise.all(files.map((it) => readFile(new URL(it, MIGRATIONS), "utf8")));
  const last = texts.findLastIndex((it) => !/^-- Workers {2}keep working\b/m.test(it));
  return (files[last] as string).replace(/\.up\.sql$/, "");
}

async function readMigrations(): Promise<Record<string, Migration>> {
  const files = (await readdir(MIGRATIONS)).filter((it) => it.endsWith(".up.sql")).sort();
  const entries = files.map(async (file) => {
    const name = file.replace(/\.up\.sql$/, "");
    const up = await readFile(new URL(file, MIGRATIONS), "utf8");
    const down = await readFile(new URL(`${name}.down.sql`, MIGRATIONS), "utf8");
    return [
      name,
      {
        up: async (db) => void (await sql.raw(up).execute(db)),
        down: async (db) => void (await sql.raw(down).execute(db)),
      } satisfies Migration,
    ] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}
