import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import { sweep } from "../../src/outbox/sweep.ts";
import { oncebox } from "../db/support/oncebox.ts";
import { travel } from "../outbox/support/epoch.ts";
import { test } from "../support/fixture.ts";
import { makeNotification, makeWorker, rowOf } from "../support/make.ts";
import { Clusters, findPostgres } from "./time-travel-pair.ts";

interface Report {
  readonly checks: readonly {
    name: string;
    status: string;
    means: string;
    remedy: string | null;
  }[];
}

async function doctor(DATABASE_URL: string) {
  const { exitCode, stdout } = await oncebox(["doctor", "--json"], { DATABASE_URL });
  const { checks } = JSON.parse(stdout) as Report;
  return {
    exitCode,
    check: (name: string) => checks.find((it) => it.name === name),
    statuses: Object.fromEntries(checks.map((it) => [it.name, it.status])),
  };
}

async function makeHeld(db: Kysely<unknown>): Promise<void> {
  await makeNotification(db, { dueInMs: -3_600_000 });
  await makeNotification(db, { channel: "email", dueInMs: -7_200_000 });
  await makeNotification(db, { channel: "email", dueInMs: -1_000 });
  await travel(db);
  await sweep(db);
}

async function held(db: Kysely<unknown>): Promise<object> {
  const { rows } =
    await sql<object>`select held_sms::integer as sms, held_email::integer as email from oncebox.guard`.execute(
      db,
    );
  return rows[0] ?? {};
}

describe("oncebox resume", () => {
  test("says how many and since when, and without a terminal does nothing without --yes", async ({
    databaseUrl,
    db,
  }) => {
    await makeHeld(db);

    const asked = await oncebox(["resume", "--email", "--reason", "compared"], {
      DATABASE_URL: databaseUrl,
    });

    expect(asked.exitCode).toBe(2);
    expect(asked.stdout).toMatch(/^2 held on email, the oldest was due 20\d\d-\S+Z\n$/);
    expect(asked.stderr).toContain("wanted --yes");
    expect(await held(db)).toEqual({ sms: 1, email: 2 });
  });

  test("lets one channel go, with an audit row for each that names the person and the reason", async ({
    databaseUrl,
    db,
  }) => {
    await makeHeld(db);
    const env = { DATABASE_URL: databaseUrl };

    const { exitCode, stdout } = await oncebox(
      ["resume", "--email", "--yes", "--reason", "compared"],
      env,
    );

    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("2 let go")]);
    expect(await held(db)).toEqual({ sms: 1, email: 0 });
    const { rows } =
      await sql`select action, reason, length(actor) > 0 as named from oncebox.audit`.execute(db);
    expect(rows).toEqual(Array(2).fill({ action: "resume", reason: "compared", named: true }));
    const again = await oncebox(["resume", "--email", "--yes", "--reason", "compared"], env);
    expect([again.exitCode, again.stdout]).toEqual([0, "nothing is held on email\n"]);
  });

  for (const [what, args] of [
    ["no channel", ["--yes", "--reason", "x"]],
    ["both channels", ["--sms", "--email", "--yes", "--reason", "x"]],
    ["no reason", ["--sms", "--yes"]],
    ["an empty reason", ["--sms", "--yes", "--reason", " "]],
  ] as const) {
    test(`exits 2 and changes nothing for ${what}`, async ({ databaseUrl, db }) => {
      await makeHeld(db);

      const { exitCode } = await oncebox(["resume", ...args], { DATABASE_URL: databaseUrl });

      expect(exitCode).toBe(2);
      expect(await held(db)).toEqual({ sms: 1, email: 2 });
    });
  }
});

test("oncebox notifications list --held shows what is held, and only that", async ({
  databaseUrl,
  db,
}) => {
  await makeHeld(db);
  await makeNotification(db);
  const list = ["notifications", "list", "--held", "--channel", "email"];

  const shown = await oncebox(list, { DATABASE_URL: databaseUrl });
  const json = await oncebox([...list, "--json"], { DATABASE_URL: databaseUrl });

  expect(shown.stdout.match(/pending \(held\)/g)).toHaveLength(2);
  expect(JSON.parse(json.stdout)).toMatchObject(Array(2).fill({ channel: "email", isHeld: true }));
});

describe("oncebox hold", () => {
  test("holds what is due, and only that, and warns of workers that are alive", async ({
    databaseUrl,
    db,
  }) => {
    const due = await makeNotification(db);
    const later = await makeNotification(db, { channel: "email", dueInMs: 3_600_000 });
    await makeWorker(db);

    const { exitCode, stdout } = await oncebox(["hold", "--yes", "--reason", "a snapshot"], {
      DATABASE_URL: databaseUrl,
    });

    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/workers are alive.*\n1 held/)]);
    expect(await held(db)).toEqual({ sms: 1, email: 0 });
    for (const id of [due, later]) expect(await rowOf(db, id)).toMatchObject({ state: "pending" });
  });
});

describe("oncebox doctor", () => {
  test("finds nothing to fail in a fresh database, but no worker", async ({ databaseUrl }) => {
    const { exitCode, statuses } = await doctor(databaseUrl);

    expect(exitCode).toBe(0);
    // test/cli/doctor.test.ts has the checks of the server; this one is made to be fast, not safe.
    expect(statuses).toMatchObject({
      database: "ok",
      connection: "ok",
      schema: "ok",
      "time travel": "ok",
      "outcomes in doubt": "ok",
      "set aside": "ok",
      channels: "ok",
      workers: "warn",
    });
  });

  test("prints a table for a person", async ({ databaseUrl }) => {
    const { exitCode, stdout } = await oncebox(["doctor"], { DATABASE_URL: databaseUrl });

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/workers .* warn .* none is alive/);
    expect(stdout).toContain("oncebox worker");
  });

  test("fails for a database that cannot be reached, and asks no further", async () => {
    const { exitCode, statuses } = await doctor("postgres://u:canary@127.0.0.1:1/x");

    expect([exitCode, statuses]).toEqual([1, { database: "fail" }]);
  });

  test("fails for a schema that is not there, and names the command", async ({
    emptyDatabaseUrl,
  }) => {
    const { exitCode, check } = await doctor(emptyDatabaseUrl);

    expect(exitCode).toBe(1);
    expect(check("schema")).toMatchObject({ status: "fail", remedy: "oncebox migrate up" });
    expect(check("workers")).toBeUndefined();
  });

  test("fails for another database than it was, before and after it was noticed, until nothing is held", async ({
    databaseUrl,
    db,
  }) => {
    await makeNotification(db, { channel: "email" });
    await travel(db);
    expect((await doctor(databaseUrl)).check("time travel")).toMatchObject({
      status: "fail",
      means: expect.stringContaining("timeline 00000063"),
    });

    await sweep(db);
    expect((await doctor(databaseUrl)).check("time travel")).toMatchObject({
      status: "fail",
      means: expect.stringMatching(/since 20\d\d-.*held: 0 SMS .*, 1 emails/),
      remedy: expect.stringContaining("oncebox resume --email"),
    });

    await sql`select oncebox.resume('email', 'test', 'compared')`.execute(db);
    expect((await doctor(databaseUrl)).check("time travel")).toMatchObject({ status: "ok" });
  });

  test("warns of SMS that are held, which oncebox compares by itself", async ({
    databaseUrl,
    db,
  }) => {
    await makeNotification(db);
    await travel(db);
    await sweep(db);

    expect((await doctor(databaseUrl)).check("time travel")).toMatchObject({ status: "warn" });
  });

  test("warns of an outcome in doubt, and fails for an old one", async ({ databaseUrl, db }) => {
    await makeNotification(db, { state: "unknown" });
    expect((await doctor(databaseUrl)).check("outcomes in doubt")).toMatchObject({
      status: "warn",
    });

    await sql`update oncebox.attempt set started_at = now() - interval '3 hours'`.execute(db);
    const { exitCode, check } = await doctor(databaseUrl);
    expect(exitCode).toBe(1);
    expect(check("outcomes in doubt")).toMatchObject({
      status: "fail",
      means: expect.stringContaining("1, the oldest for 3 h"),
    });
  });

  test("fails for what was set aside, warns of a paused channel", async ({ databaseUrl, db }) => {
    await makeNotification(db, { state: "unknown" });
    await sql`
      update oncebox.notification set state_reason = 'killed_its_worker';
      select oncebox.pause_channel('sms', interval '1 hour', 'mobizon:8', 0)`.execute(db);

    const { statuses, check } = await doctor(databaseUrl);

    expect(statuses).toMatchObject({ "set aside": "fail", channels: "warn" });
    expect(check("channels")?.means).toContain("mobizon:8");
  });

  test("counts the workers whose lock is held, and fails when what is due has none", async ({
    databaseUrl,
    db,
  }) => {
    const id = await makeNotification(db, { attempt: 1, holderIsGone: true });
    expect((await doctor(databaseUrl)).check("workers")).toMatchObject({
      status: "fail",
      means: expect.stringContaining("1 notifications are due"),
    });

    await makeWorker(db);
    expect((await doctor(databaseUrl)).check("workers")).toMatchObject({
      status: "ok",
      means: "1 alive",
    });
    expect(await rowOf(db, id)).toMatchObject({ state: "pending" });
  });

  test.skipIf(findPostgres() === null)("fails for a standby", async () => {
    await using clusters = new Clusters(findPostgres() ?? "");
    const primary = await clusters.create();
    const standby = await clusters.follow(primary);

    const { exitCode, check } = await doctor(standby.urlTo("postgres"));

    expect(exitCode).toBe(1);
    expect(check("database")).toMatchObject({
      status: "fail",
      means: expect.stringContaining("leads to a standby"),
    });
  });
});
