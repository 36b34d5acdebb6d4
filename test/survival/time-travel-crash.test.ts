import { randomUUID } from "node:crypto";
import { type Kysely, sql } from "kysely";
import { test as base, expect } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { type SandboxPostgres, startPostgres } from "../../src/sandbox/postgres.ts";
import { connect } from "../outbox/support/epoch.ts";
import { openPool } from "../support/database.ts";
import { claimAs, keepDraftOf, makeNotification, rowOf } from "../support/make.ts";
import { until } from "../support/until.ts";

const test = base.extend<{ server: SandboxPostgres }>({
  /** Migrated, and it commits without waiting for its disk. */
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures used from the pattern
  server: async ({}, use) => {
    await using server = await startPostgres({ settings: { synchronous_commit: "off" } });
    const pool = openPool(server.url);
    await migrate(pool);
    await pool.end();
    await use(server);
  },
});

test("a crash of a server that commits without waiting takes back no claim", async ({ server }) => {
  const before = connect(server.url);
  const id = await makeNotification(before.db);
  await freezeWalWriter(before.db);
  await claimAs(before.db, id);

  await server.restart("immediate");
  await before.end();

  const { db, end } = connect(server.url);
  expect(await rowOf(db, id)).toMatchObject({ state: "claimed", attempt: 1, flag: true });
  expect(await claimAs(db, id)).toBeNull();
  await end();
});

test("a crash of a server that commits without waiting takes back no draft", async ({ server }) => {
  const before = connect(server.url);
  const id = await makeNotification(before.db);
  await claimAs(before.db, id, { twoStep: true, token: randomUUID() });
  await freezeWalWriter(before.db);
  const draft = { campaignId: "100", messageId: "200" };
  await keepDraftOf(before.db, { notificationId: id, attempt: 1 }, draft);

  await server.restart("immediate");
  await before.end();

  const { db, end } = connect(server.url);
  const { rows } = await sql`
    select n.campaign_id, a.sending_at is not null as may_have_sent
      from oncebox.notification as n join oncebox.attempt as a on a.notification_id = n.id`.execute(
    db,
  );
  expect(rows).toEqual([{ campaign_id: "100", may_have_sent: true }]);
  await end();
});

/**
 * What is committed without waiting stays in the server's memory from now on. The WAL writer is stopped where it waits for
 * work: stopped in a write, it would keep a lock that every commit that does wait needs.
 */
async function freezeWalWriter(db: Kysely<unknown>): Promise<void> {
  await until("the WAL writer is stopped while it waits", async () => {
    const { pid } = await walWriter(db);
    process.kill(pid, "SIGSTOP");
    const { idle } = await walWriter(db);
    if (!idle) process.kill(pid, "SIGCONT");
    return idle;
  });
}

async function walWriter(db: Kysely<unknown>): Promise<{ pid: number; idle: boolean }> {
  const { rows } = await sql<{ pid: number; idle: boolean }>`
    select pid, wait_event is not distinct from 'WalWriterMain' as idle
      from pg_stat_activity where backend_type = 'walwriter'`.execute(db);
  const [writer] = rows;
  if (writer === undefined) throw new Error("The server has no WAL writer.");
  return writer;
}
