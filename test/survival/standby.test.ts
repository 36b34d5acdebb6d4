import { test as base, expect } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { startServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/log.ts";
import { connect } from "../outbox/support/epoch.ts";
import { openPool } from "../support/database.ts";
import { makeLeads, register } from "../support/leads.ts";
import { until } from "../support/until.ts";
import { Clusters, findPostgres, type Node } from "./time-travel-pair.ts";

const BIN = findPostgres();
/** Said beside the names of what is skipped. */
const IF_ANY =
  BIN === null
    ? " (skipped: the embedded Postgres has no pg_basebackup; Debian: apt-get install postgresql)"
    : "";

const test = base.extend<{ clusters: Clusters; standby: Node }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures used from the pattern
  clusters: async ({}, use) => {
    await using clusters = new Clusters(BIN ?? "");
    await use(clusters);
  },
  /** Of a primary that has a lead. */
  standby: async ({ clusters }, use) => {
    const primary = await clusters.create();
    const { db, end } = connect(primary.urlTo("postgres"));
    const pool = openPool(primary.urlTo("postgres"));
    await migrate(pool);
    await register(db, makeLeads(1));
    await pool.end();
    await end();
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
