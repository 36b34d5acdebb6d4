import type pg from "pg";
import { OnceboxError } from "../../errors.ts";
import { readVersion } from "../../version.ts";
import { listSteps, type Step } from "./steps.ts";

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

/** Which migrations this version knows, and which of them the database has. Changes nothing. */
export async function readSchemaStatus(
  pool: pg.Pool | pg.PoolClient,
  steps?: readonly Step[],
): Promise<SchemaStatus> {
  const known = steps?.map((it) => it.name) ?? (await listSteps());
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

async function readRelease(pool: pg.Pool | pg.PoolClient): Promise<Release> {
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

/** That no later version was here: an older one can neither bring its schema further nor take it back. */
export function assertNotNewer({ state }: SchemaStatus): void {
  if (state !== "newer" && state !== "too_new") return;
  throw new OnceboxError(
    "ONCEBOX_SCHEMA_OUTDATED",
    "the database was migrated by a newer oncebox",
    { hint: "Run the newer version's migrate; an older one cannot take its changes back." },
  );
}
