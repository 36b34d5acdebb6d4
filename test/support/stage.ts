import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import { migrate } from "../../src/db/migrate.ts";
import { type Gateways, startGateways } from "../../src/sandbox/gateways.ts";
import { startPostgres } from "../../src/sandbox/postgres.ts";
import { openPool } from "./database.ts";
import { type StartWorker, Workers } from "./worker-process.ts";

/** Everything that a send takes, for what is run by hand: a test has the same from its fixtures. */
export interface Stage {
  readonly databaseUrl: string;
  readonly pool: pg.Pool;
  readonly db: Kysely<unknown>;
  readonly gateways: Gateways;
  readonly startWorker: StartWorker;
}

/** A migrated Postgres of its own with the server's default settings, or with these, and the stand-ins. */
export async function openStage(
  settings: Readonly<Record<string, string>> = {},
): Promise<Stage & AsyncDisposable> {
  await using opened = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "oncebox-stage-"));
  opened.defer(() => rm(dir, { recursive: true, force: true }));
  const postgres = opened.use(await startPostgres({ settings }));
  const gateways = opened.use(await startGateways({ dir }));
  const pool = openPool(postgres.url);
  opened.defer(() => pool.end());
  await migrate(pool);
  // Hundreds of starts: what was compiled once is not compiled again.
  const env = { NODE_COMPILE_CACHE: join(dir, "compiled") };
  const workers = opened.use(new Workers(postgres.url, gateways, env));
  const parts = opened.move();
  return {
    databaseUrl: postgres.url,
    pool,
    db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }),
    gateways,
    startWorker: workers.start,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
