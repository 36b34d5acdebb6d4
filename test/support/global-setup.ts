import type { TestProject } from "vitest/node";
import { migrate } from "../../src/db/migrate.ts";
import { createDatabase, dropDatabase, openPool, urlOf } from "./database.ts";
import { startTestServer } from "./server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A superuser's URL to the test server. */
    readonly serverUrl: string;
    /** The name of a migrated database to clone. */
    readonly template: string;
  }
}

/** One server a run, and one migrated database that every test clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestServer();
  const template = await createDatabase(server.url);
  const pool = openPool(urlOf(server.url, template));
  const { rows } = await pool.query<{ server_version: string }>("show server_version");
  await migrate(pool);
  await pool.end();
  console.log(`tests run on PostgreSQL ${rows[0]?.server_version} (${server.kind})`);
  project.provide("serverUrl", server.url);
  project.provide("template", template);
  return async () => {
    await dropDatabase(server.url, template).catch(() => {});
    await server.stop();
  };
}
