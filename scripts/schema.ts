/**
 * Writes sql/schema.sql anew: the dump of a fresh install in an embedded Postgres.
 *
 *   node scripts/schema.ts
 */
import { writeFile } from "node:fs/promises";
import { readCatalog } from "../src/db/catalog.ts";
import { dumpOf } from "../src/db/drift.ts";
import { migrate } from "../src/db/migrate.ts";
import { openPool } from "../test/support/database.ts";
import { startTestServer } from "../test/support/server.ts";

const server = await startTestServer();
const pool = openPool(server.url);
try {
  await migrate(pool);
  await writeFile(new URL("../sql/schema.sql", import.meta.url), dumpOf(await readCatalog(pool)));
} finally {
  await pool.end();
  await server.stop();
}
