import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import { assertReachable, createPool } from "../db/pool.ts";

export interface Database {
  readonly pool: pg.Pool;
  /** On the same pool. */
  readonly db: Kysely<unknown>;
}

/** Opens the database for one command and closes it again, whatever happens. */
export async function withDatabase<T>(
  databaseUrl: string,
  applicationName: string,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const pool = createPool({ databaseUrl, max: 4, applicationName, onIdleError: () => {} });
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  try {
    await assertReachable(pool);
    return await work({ pool, db });
  } finally {
    // The pool itself: Kysely would not end one that it has not used yet.
    await pool.end();
  }
}
