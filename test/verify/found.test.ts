import { sql } from "kysely";
import { describe, expect } from "vitest";
import type { WorkerConfig } from "../../src/config.ts";
import { createPool } from "../../src/db/pool.ts";
import { createLogger } from "../../src/log.ts";
import { runWorker } from "../../src/worker.ts";
import { countStates, makeLeads, register } from "../support/leads.ts";
import { test } from "../support/running.ts";

// What kill runs have found, each as the smallest case that shows it.

describe("a worker", () => {
  test("that cannot finish its start settles what it has begun to send", async ({
    databaseUrl,
    db,
    gateways,
  }) => {
    await register(db, makeLeads(1, { phone: null }));
    // The last statement of its start fails, and late enough that the first job is taken.
    await sql`
      create function public.fail() returns trigger language plpgsql as $$
      begin
        perform pg_sleep(0.7);
        raise exception 'no';
      end $$`.execute(db);
    await sql`
      create trigger fail before update on oncebox.worker
        for each row execute function public.fail()`.execute(db);
    await gateways.addEmailFault({
      fault: { at: "dot", accept: true, answer: "late", delayMs: 1_500 },
    });
    const config: WorkerConfig = {
      databaseUrl,
      mobizon: null,
      smtp: { url: gateways.smtpUrl, from: "info@example.kz" },
      balanceWarn: null,
      emailUnknown: "hold",
      smsPerSecond: null,
      delay: null,
      keepMs: null,
      concurrency: 2,
      sendTimeoutMs: 5_000,
      leaseMs: 20_000,
      logLevel: "silent",
    };

    const start = runWorker(config, createLogger("silent"));

    await expect(start).rejects.toThrow("no");
    expect(await countStates(db)).toEqual({ sent: 1 });
  });

  test("outlives a connection that is given back twice", async ({ databaseUrl }) => {
    const pool = createPool({
      databaseUrl,
      max: 2,
      applicationName: "test",
      onIdleError: () => {},
    });

    const { promise, resolve } = Promise.withResolvers<() => void>();
    pool.connect((_error, _client, release) => resolve(release));
    const release = await promise;
    release();

    expect(release).not.toThrow();
    await pool.end();
  });
});
