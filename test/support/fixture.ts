import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import { test as base, inject } from "vitest";
import { createDatabase, dropDatabase, openPool, urlOf } from "./database.ts";

interface Fixtures {
  /** A URL to a database of the test's own: migrated and empty. */
  readonly databaseUrl: string;
  /** A URL to a database with nothing in it. */
  readonly emptyDatabaseUrl: string;
  /** A pool on `databaseUrl`. */
  readonly pool: pg.Pool;
  /** Kysely on `pool`. */
  readonly db: Kysely<unknown>;
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures used from the pattern
  databaseUrl: async ({}, use) => {
    const serverUrl = inject("serverUrl");
    const name = await createDatabase(serverUrl, inject("template"));
    await use(urlOf(serverUrl, name));
    await dropDatabase(serverUrl, name);
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  emptyDatabaseUrl: async ({}, use) => {
    const serverUrl = inject("serverUrl");
    const name = await createDatabase(serverUrl);
    await use(urlOf(serverUrl, name));
    await dropDatabase(serverUrl, name);
  },
  pool: async ({ databaseUrl }, use) => {
    const pool = openPool(databaseUrl);
    await use(pool);
    await pool.end();
  },
  db: async ({ pool }, use) => {
    await use(new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }));
  },
});
