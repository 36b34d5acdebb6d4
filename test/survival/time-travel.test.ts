import { sql } from "kysely";
import { describe, expect } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import type { Gateways } from "../../src/sandbox/gateways.ts";
import { oncebox } from "../db/support/oncebox.ts";
import { connect } from "../outbox/support/epoch.ts";
import { openPool } from "../support/database.ts";
import { makeLeads, register, tally } from "../support/leads.ts";
import { test as base } from "../support/running.ts";
import { until } from "../support/until.ts";
import { type Address, openAddress } from "./time-travel-address.ts";
import { Clusters, findPostgres, type Node } from "./time-travel-pair.ts";
import { landedOnce, promoteOnce, settleHeldEmails, WANTED } from "./time-travel-round.ts";

const BIN = findPostgres();
/** Said beside the names of what is skipped. */
const IF_ANY =
  BIN === null
    ? " (skipped: the embedded Postgres has no pg_basebackup and no pg_dump; Debian: apt-get install postgresql)"
    : "";

const test = base.extend<{ clusters: Clusters; primary: Node; address: Address }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures used from the pattern
  clusters: async ({}, use) => {
    await using clusters = new Clusters(BIN ?? "");
    await use(clusters);
  },
  /** Migrated and empty. */
  primary: async ({ clusters }, use) => {
    const primary = await clusters.create();
    await migrateNode(primary);
    await use(primary);
  },
  /** Leads to `primary` until the test leads it elsewhere. */
  address: async ({ primary }, use) => {
    await using address = await openAddress();
    address.lead(primary.port);
    await use(address);
  },
});

async function migrateNode(node: Node): Promise<void> {
  const pool = openPool(node.urlTo("postgres"));
  await migrate(pool);
  await pool.end();
}

function urlAt(address: Address, node: Node): string {
  const url = new URL(node.urlTo("postgres"));
  url.port = String(address.port);
  return url.href;
}

/** By state, and `held` for those of them that are. */
async function states(node: Node, database = "postgres"): Promise<Record<string, number>> {
  const { db, end } = connect(node.urlTo(database));
  const { rows } = await sql<{ state: string }>`
    select case when is_held then 'held' else state end as state from oncebox.notification`.execute(
    db,
  );
  await end();
  return tally(rows.map((it) => it.state));
}

describe.skipIf(BIN === null)(`a promoted standby that lacks the last commits${IF_ANY}`, () => {
  test("three times running makes a living worker send nothing twice, hold what is in doubt, and go on with what is new", async ({
    clusters,
    primary: first,
    address,
    gateways,
    startWorker,
  }) => {
    const worker = await startWorker({ DATABASE_URL: urlAt(address, first) });
    let primary = first;
    for (const number of [1, 2, 3]) {
      const made = await promoteOnce(
        { clusters, address, gateways, database: "postgres" },
        primary,
        number,
      );
      primary = made.primary;

      expect(made.round).toMatchObject(WANTED);
      expect(Number.parseInt(made.round.timeline, 16)).toBe(number + 1);
      const { db, end } = connect(primary.urlTo("postgres"));
      await settleHeldEmails(db);
      await end();
    }

    expect(await landedOnce(gateways, 3)).toBe(true);
    expect(worker.lines.filter((it) => it.msg === "worker:started").length).toBeGreaterThan(3);
  });

  test("is seen by a new worker too, when the old one died with the primary", async ({
    clusters,
    primary,
    address,
    gateways,
    startWorker,
  }) => {
    const old = await startWorker({ DATABASE_URL: urlAt(address, primary) });
    const made = await promoteOnce(
      {
        clusters,
        address,
        gateways,
        database: "postgres",
        onLoss: async () => {
          old.child.kill("SIGKILL");
          await old.ended;
          // It asks until the address leads somewhere.
          void startWorker({ DATABASE_URL: urlAt(address, primary) }).catch(() => {});
        },
      },
      primary,
      1,
    );

    expect(made.round).toMatchObject(WANTED);
    expect(await landedOnce(gateways, 1)).toBe(true);
  });
});

describe.skipIf(BIN === null)(`a copy${IF_ANY}`, () => {
  const SENDS = 500;

  test("by pg_dump, taken before 1,000 sends and loaded elsewhere, sends none of them again", async ({
    clusters,
    primary,
    gateways,
    startWorker,
  }) => {
    const dump = clusters.fileNamed("dump");
    const original = connect(primary.urlTo("postgres"));
    await register(original.db, makeLeads(SENDS));
    await clusters.run("pg_dump", ["--format=custom", `--file=${dump}`, primary.urlTo("postgres")]);
    const worker = await startWorker({ DATABASE_URL: primary.urlTo("postgres") });
    await until("all are sent", async () => (await states(primary)).sent === 2 * SENDS, 55_000);
    worker.child.kill("SIGKILL");
    await original.end();

    const elsewhere = await clusters.create();
    await clusters.run("pg_restore", [`--dbname=${elsewhere.urlTo("postgres")}`, dump]);
    expect(await states(elsewhere)).toEqual({ pending: 2 * SENDS });
    const before = await gateways.requests();
    await startWorker({ DATABASE_URL: elsewhere.urlTo("postgres") });
    await until(
      "the SMS are found",
      async () => (await states(elsewhere)).cancelled === SENDS,
      55_000,
    );

    expect(await states(elsewhere)).toEqual({ cancelled: SENDS, held: SENDS });
    await expectOnce(gateways, SENDS);
    // It asked, and tried nothing else.
    const after = await gateways.requests();
    expect(tried(after.counts)).toEqual(tried(before.counts));
  }, 120_000);

  for (const [how, load] of [
    [
      "beside the original, in the same cluster",
      async (clusters: Clusters, node: Node, dump: string) => {
        await clusters.run("createdb", [`--maintenance-db=${node.urlTo("postgres")}`, "copy"]);
        await clusters.run("pg_restore", [`--dbname=${node.urlTo("copy")}`, dump]);
        return "copy";
      },
    ],
    [
      "over the original",
      async (clusters: Clusters, node: Node, dump: string) => {
        await clusters.run("pg_restore", ["--clean", `--dbname=${node.urlTo("postgres")}`, dump]);
        return "postgres";
      },
    ],
  ] as const) {
    test(`by pg_dump, taken before it was sent and loaded ${how}, is known for one`, async ({
      clusters,
      primary,
      gateways,
      startWorker,
    }) => {
      const dump = clusters.fileNamed("dump");
      const original = connect(primary.urlTo("postgres"));
      await register(original.db, makeLeads(3));
      await original.end();
      await clusters.run("pg_dump", [
        "--format=custom",
        `--file=${dump}`,
        primary.urlTo("postgres"),
      ]);
      const first = await startWorker({ DATABASE_URL: primary.urlTo("postgres") });
      await until("all are sent", async () => (await states(primary)).sent === 6);
      first.child.kill("SIGTERM");
      await first.ended;

      const database = await load(clusters, primary, dump);
      expect(await states(primary, database)).toEqual({ pending: 6 });
      await startWorker({ DATABASE_URL: primary.urlTo(database) });
      await until(
        "the SMS are found",
        async () => (await states(primary, database)).cancelled === 3,
      );

      expect(await states(primary, database)).toEqual({ cancelled: 3, held: 3 });
      await expectOnce(gateways, 3);
    });
  }

  test("recovered to a point in time is known for one", async ({
    clusters,
    primary,
    gateways,
    startWorker,
  }) => {
    const { db, end } = connect(primary.urlTo("postgres"));
    await register(db, makeLeads(3));
    await end();
    const backup = await clusters.backUp(primary);
    const first = await startWorker({ DATABASE_URL: primary.urlTo("postgres") });
    await until("all are sent", async () => (await states(primary)).sent === 6);
    first.child.kill("SIGTERM");
    await first.ended;
    await primary.stop("fast");

    const recovered = await clusters.recover(backup);
    expect(await states(recovered)).toEqual({ pending: 6 });
    await startWorker({ DATABASE_URL: recovered.urlTo("postgres") });
    await until("the SMS are found", async () => (await states(recovered)).cancelled === 3);

    expect(await states(recovered)).toEqual({ cancelled: 3, held: 3 });
    await expectOnce(gateways, 3);
  });

  test("of the files, cold, is held by a person's word; what was never sent goes out after all", async ({
    clusters,
    primary,
    gateways,
    startWorker,
  }) => {
    const { db, end } = connect(primary.urlTo("postgres"));
    await register(db, makeLeads(3));
    await end();
    await primary.stop("fast");
    const files = await clusters.copyFiles(primary);
    const again = await clusters.start(primary.dataDir);
    const first = await startWorker({ DATABASE_URL: again.urlTo("postgres") });
    await until("all are sent", async () => (await states(again)).sent === 6);
    first.child.kill("SIGTERM");
    await first.ended;
    await again.stop("fast");

    const copy = await clusters.start(files);
    const env = { DATABASE_URL: copy.urlTo("postgres") };
    const { db: copied, end: endCopied } = connect(copy.urlTo("postgres"));
    await register(copied, makeLeads(4).slice(3));
    expect(
      await oncebox(["hold", "--yes", "--reason", "a disk snapshot was put back"], env),
    ).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("8 held") });
    await startWorker(env);
    await until("the SMS are found", async () => (await states(copy)).cancelled === 3);
    expect(await states(copy)).toEqual({ cancelled: 3, held: 5 });

    // As if the longest time that a send can take had passed.
    await sql`update oncebox.setting set travelled_at = travelled_at - interval '10 minutes'`.execute(
      copied,
    );
    await sql`update oncebox.notification set look_up_at = now() where look_up_at is not null`.execute(
      copied,
    );
    await until("the one that was never sent is", async () => (await states(copy)).sent === 1);
    await sql`
      select oncebox.resolve(n.id, case when n.recipient = 'lead3@example.kz' then 'pending' else 'sent' end, 'test', 'seen')
        from oncebox.notification as n where n.is_held`.execute(copied);
    await until("its email is, too", async () => (await states(copy)).sent === 2);
    await endCopied();

    expect(await states(copy)).toEqual({ cancelled: 6, sent: 2 });
    await expectOnce(gateways, 4);
  });
});

/** One SMS and one email each, for so many leads. */
async function expectOnce(gateways: Gateways, leads: number): Promise<void> {
  const { sms, email } = await gateways.messages();
  for (const all of [sms.map((it) => it.to), email.flatMap((it) => it.to)]) {
    expect(Object.values(tally(all))).toEqual(Array(leads).fill(1));
  }
}

/** The calls that prepare or send something, by method and answer. */
function tried(counts: Record<string, Record<string, number>>): object {
  return Object.fromEntries(
    Object.entries(counts).filter(([method]) => !/\/(?:list|get)/i.test(method)),
  );
}
