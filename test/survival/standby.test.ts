import type pg from "pg";
import { expect } from "vitest";
import { readConfig } from "../../src/config.ts";
import { migrate } from "../../src/db/migrate.ts";
import { startServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/log.ts";
import { runWorker } from "../../src/worker.ts";
import { connect } from "../outbox/support/epoch.ts";
import { openPool } from "../support/database.ts";
import { makeLeads, register } from "../support/leads.ts";
import { test as base } from "../support/running.ts";
import { until } from "../support/until.ts";
import { Clusters, findPostgres, type Node } from "./time-travel-pair.ts";

const BIN = findPostgres();
/** Said beside the names of what is skipped. */
const IF_ANY =
  BIN === null
    ? " (skipped: the embedded Postgres has no pg_basebackup; Debian: apt-get install postgresql)"
    : "";

const test = base.extend<{ clusters: Clusters; primary: Node; standby: Node }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures used from the pattern
  clusters: async ({}, use) => {
    await using clusters = new Clusters(BIN ?? "");
    await use(clusters);
  },
  /** Migrated, and it has a lead whose messages are not due for long. */
  primary: async ({ clusters }, use) => {
    const primary = await clusters.create();
    const { db, end } = connect(primary.urlTo("postgres"));
    const pool = openPool(primary.urlTo("postgres"));
    await migrate(pool);
    await register(db, makeLeads(1, { dueAt: new Date(Date.now() + 86_400_000) }));
    await pool.end();
    await end();
    await use(primary);
  },
  standby: async ({ clusters, primary }, use) => {
    await use(await clusters.follow(primary));
  },
});

test.skipIf(BIN === null)(
  `on a standby every view answers but guard, and nothing can be written${IF_ANY}`,
  async ({ standby }) => {
    const pool = openPool(standby.urlTo("postgres"));
    const { rows } = await pool.query<{ name: string }>(
      "select viewname as name from pg_views where schemaname = 'oncebox' order by 1",
    );
    const refused: Record<string, string> = {};
    for (const name of [...rows.map((it) => `table oncebox.${it.name}`), WRITE])
      await pool.query(name).catch((error: { code: string }) => {
        refused[name] = error.code;
      });
    const { rows: sent } = await pool.query("select channel, state from oncebox.notifications");
    await pool.end();

    expect(rows.length).toBeGreaterThan(20);
    expect(refused).toEqual({ "table oncebox.guard": "55000", [WRITE]: "25006" });
    expect(sent).toHaveLength(2);
  },
);

const WRITE = "select oncebox.register_lead(phone => '+77010000999')";

test.skipIf(BIN === null)(
  `serve is not ready on a standby, and is once that is promoted${IF_ANY}`,
  async ({ clusters, standby }) => {
    const http = {
      host: "127.0.0.1",
      port: 0,
      token: null,
      requestsPerSecond: 1_000,
      leadsPerPhone: null,
    };
    const databaseUrl = standby.urlTo("postgres");
    const server = await startServer({ databaseUrl, http }, createLogger("silent"));
    const readiness = async () => {
      const answer = await fetch(`${server.url}/readyz`);
      return [answer.status, ((await answer.json()) as { reason: string | null }).reason];
    };

    const before = await readiness();
    await clusters.promote(standby);
    const after = await until("it is ready", async () => {
      const answer = await readiness();
      return answer[0] === 200 && answer;
    }).finally(() => server.close());

    expect(before).toEqual([503, "the database is a standby: it can be read and not written"]);
    expect(after).toEqual([200, null]);
  },
);

test.skipIf(BIN === null)(
  `while the standby that commits wait for is away nothing is sent, and once it is back everything is${IF_ANY}`,
  async ({ clusters, primary, standby, gateways }) => {
    const pool = openPool(primary.urlTo("postgres"));
    const { db, end } = connect(primary.urlTo("postgres"));
    await pool.query("alter system set synchronous_standby_names = '*'");
    await pool.query("select pg_reload_conf()");
    const config = readConfig({
      DATABASE_URL: primary.urlTo("postgres"),
      MOBIZON_API_URL: gateways.mobizonUrl,
      MOBIZON_API_KEY: gateways.mobizonApiKey,
    });
    const worker = await runWorker(config, createLogger("silent"));

    await standby.stop("fast");
    const registered = register(db, makeLeads(1, { idempotencyKey: "other", email: null }));
    await waitsForStandby(pool, "^commit");
    // The lead is there for everybody once nobody waits for it any more, although the standby lacks it.
    await pool.query(
      "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep' and query ~ '^commit'",
    );
    await registered;
    // To take its job is a commit as well, and the first one.
    await waitsForStandby(pool, "_private_jobs|oncebox.claim");
    const meanwhile = (await gateways.messages()).sms.length;
    await clusters.start(standby.dataDir);
    const sms = await until("it is sent", async () => {
      const messages = await gateways.messages();
      return messages.sms.length > 0 && messages.sms;
    });
    await worker.stop();
    await end();
    await pool.end();

    expect(meanwhile).toBe(0);
    expect(sms).toHaveLength(1);
  },
);

/** Until a statement like this is committed here, and waits for the standby to have it. */
async function waitsForStandby(pool: pg.Pool, pattern: string): Promise<void> {
  await until(`${pattern} waits for the standby`, async () => {
    const { rows } = await pool.query(
      "select from pg_stat_activity where wait_event = 'SyncRep' and query ~ $1",
      [pattern],
    );
    return rows.length > 0;
  });
}
