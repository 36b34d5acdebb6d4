import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../src/config.ts";
import { migrate } from "../../src/db/migrate.ts";
import { createLogger } from "../../src/log.ts";
import { startGateways } from "../../src/sandbox/gateways.ts";
import { runWorker } from "../../src/worker.ts";
import { openPool } from "../support/database.ts";
import { openAddress } from "./time-travel-address.ts";
import { Clusters, type Node } from "./time-travel-pair.ts";
import type { Stage } from "./time-travel-round.ts";

/** A first primary, and a worker that sends by the address. */
interface Theatre extends AsyncDisposable {
  readonly stage: Stage;
  readonly primary: Node;
}

/** @param sql - Run after the migration: what a mutant puts in the product's place. */
export async function openTheatre(bin: string, sql = ""): Promise<Theatre> {
  await using parts = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "oncebox-promotions-"));
  parts.defer(() => rm(dir, { recursive: true, force: true }));
  const gateways = parts.use(await startGateways({ dir }));
  const clusters = parts.use(new Clusters(bin));
  const address = parts.use(await openAddress());

  const primary = await clusters.create();
  const pool = openPool(primary.urlTo("postgres"));
  await migrate(pool);
  await pool.query(sql);
  await pool.end();
  address.lead(primary.port);

  const url = new URL(primary.urlTo("postgres"));
  url.port = String(address.port);
  const config = readConfig({
    DATABASE_URL: url.href,
    MOBIZON_API_URL: gateways.mobizonUrl,
    MOBIZON_API_KEY: gateways.mobizonApiKey,
    SMTP_URL: gateways.smtpUrl,
    MAIL_FROM: "ProfTest <info@example.kz>",
  });
  const worker = await runWorker(config, createLogger("silent"));
  parts.defer(() => worker.stop());
  const opened = parts.move();
  return {
    stage: { clusters, address, gateways, database: "postgres" },
    primary,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
