import { randomBytes } from "node:crypto";
import pg from "pg";

export function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/** Makes a database with a name of its own; a clone of `template`, if one is given. */
export async function createDatabase(serverUrl: string, template?: string): Promise<string> {
  const name = `oncebox_test_${randomBytes(6).toString("hex")}`;
  const from = template === undefined ? "" : ` template ${template}`;
  await onServer(serverUrl, `create database ${name}${from}`);
  return name;
}

export async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await onServer(serverUrl, `drop database if exists ${name} with (force)`);
}

async function onServer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A pool whose idle connections may be cut when their database is dropped. */
export function openPool(databaseUrl: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 20 });
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}
