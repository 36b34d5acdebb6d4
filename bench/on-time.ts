/**
 * How long after its due time does an SMS reach the gateway, on an otherwise idle worker?
 *
 *   npm run bench            3 runs of 60 leads, due one by one over 15 seconds each
 *
 * Everything is as shipped, on embedded Postgres and the stand-in for Mobizon, in `message` mode.
 * Prints one line a run and the median of the runs with minimum and maximum, in milliseconds.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readConfig } from "../src/config.ts";
import { migrate } from "../src/db/migrate.ts";
import { createPool } from "../src/db/pool.ts";
import { createLogger } from "../src/log.ts";
import { registerLeads } from "../src/outbox/register.ts";
import { startGateways } from "../src/sandbox/gateways.ts";
import { startPostgres } from "../src/sandbox/postgres.ts";
import { runWorker } from "../src/worker.ts";
import { percentile } from "./figures.ts";

const RUNS = 3;
const LEADS = 60;
const OVER_MS = 15_000;

const folder = await mkdtemp(join(tmpdir(), "oncebox-bench-"));
await using postgres = await startPostgres();
await using gateways = await startGateways({ dir: folder });
const pool = createPool({
  databaseUrl: postgres.url,
  max: 4,
  applicationName: "oncebox bench",
  onIdleError: () => {},
});
await migrate(pool);
const config = readConfig({
  DATABASE_URL: postgres.url,
  MOBIZON_API_URL: gateways.mobizonUrl,
  MOBIZON_API_KEY: gateways.mobizonApiKey,
  MOBIZON_SEND_MODE: "message",
  LOG_LEVEL: "silent",
});
const worker = await runWorker(config, createLogger("silent"));
try {
  const runs = [];
  for (let run = 0; run < RUNS; run++) {
    const lags = await measure(run);
    runs.push({ p50: percentile(lags, 50), p99: percentile(lags, 99) });
    console.log(`run ${run + 1}: p50 ${runs[run]?.p50} ms, p99 ${runs[run]?.p99} ms`);
  }
  for (const name of ["p50", "p99"] as const) {
    const values = runs.map((it) => it[name]).sort((a, b) => a - b);
    console.log(
      `${name}: median ${percentile(values, 50)}, minimum ${values[0]}, maximum ${values.at(-1)}`,
    );
  }
} finally {
  await worker.stop();
  await pool.end();
  await rm(folder, { recursive: true, force: true });
}

/** The lag of each lead of one run, from its due time to the line in the gateway's ledger, in milliseconds. */
async function measure(run: number): Promise<number[]> {
  const startsAt = Date.now() + 2_000;
  const dueAt = new Map<string, number>();
  const leads = Array.from({ length: LEADS }, (_, index) => {
    const phone = `7701${String(run * LEADS + index).padStart(7, "0")}`;
    const at = startsAt + Math.round((OVER_MS * index) / LEADS);
    dueAt.set(phone, at);
    return { phone, dueAt: new Date(at) };
  });
  const client = await pool.connect();
  await client.query("begin");
  await registerLeads(client, leads);
  await client.query("commit");
  client.release();

  for (;;) {
    await sleep(500);
    const { sms } = await gateways.messages();
    const ours = sms.filter((it) => dueAt.has(it.to));
    if (ours.length === LEADS) return ours.map((it) => Date.parse(it.at) - (dueAt.get(it.to) ?? 0));
  }
}
