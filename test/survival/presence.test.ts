import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import { startPostgres } from "../../src/sandbox/postgres.ts";
import { countStates, makeLeads, register, tally } from "../support/leads.ts";
import { test, type WorkerProcess } from "../support/running.ts";
import { until } from "../support/until.ts";

const SHORT = { ONCEBOX_SEND_TIMEOUT: "2 seconds", ONCEBOX_LEASE: "20 seconds" };
const HELD_UP = fileURLToPath(new URL("held-up-worker.ts", import.meta.url));
const STOPPING = fileURLToPath(new URL("stopping-worker.ts", import.meta.url));

describe("a worker that is killed", () => {
  for (const mode of ["campaign", "message"] as const) {
    test(`in the middle of its sends leaves each of them to the others, and nobody gets two (${mode} mode)`, async ({
      db,
      gateways,
      startWorker,
    }) => {
      await gateways.set({ delayMs: 300 });
      const doomed = await startWorker({ ...SHORT, MOBIZON_SEND_MODE: mode });
      await register(db, makeLeads(20, { email: null }));
      await until("ten are under way", async () => (await countStates(db)).claimed === 10);
      doomed.child.kill("SIGKILL");
      await doomed.ended;
      await gateways.set({ delayMs: 0 });
      const other = await startWorker({ ...SHORT, MOBIZON_SEND_MODE: mode });
      await other.logged("worker:gone, its claims are taken over");
      await until("all are sent", async () => {
        await sql`update oncebox.notification set look_up_at = now() where look_up_at is not null`.execute(
          db,
        );
        return (await countStates(db)).sent === 20;
      });

      const counts = Object.values(tally((await gateways.messages()).sms.map((it) => it.to)));
      expect(counts).toEqual(Array(20).fill(1));
    });
  }

  test("on its way to its claims leaves its jobs free for the others", async ({
    db,
    startWorker,
  }) => {
    const doomed = await startWorker(SHORT, [HELD_UP]);
    await register(db, makeLeads(10, { email: null }));
    await until("it has taken them", async () => (await countFreeJobs(db)) === 0);
    doomed.child.kill("SIGKILL");
    await until("it is found gone", async () => {
      const { rows: found } = await sql<{
        action: string;
      }>`select action from oncebox.sweep()`.execute(db);
      return found.some((it) => it.action === "gone");
    });

    expect(await countFreeJobs(db)).toBe(10);
  });

  test("three times running by the same notification has it set aside for a person", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await register(db, makeLeads(1, { email: null }));
    for (let death = 0; death < 3; death++) {
      const doomed = await startWorker(SHORT, [STOPPING, "SIGKILL", "claimed"]);
      expect(await doomed.ended).toBe("SIGKILL");
      await until("it is found gone", async () => {
        const { rows: found } = await sql`select from oncebox.sweep()`.execute(db);
        return found.length > 0;
      });
    }
    const healthy = await startWorker(SHORT);
    await register(
      db,
      makeLeads(1, { phone: "+77019999999", email: null, idempotencyKey: "another" }),
    );
    await until("another one is sent", async () => (await countStates(db)).sent === 1);

    const { rows } =
      await sql`select state, state_reason from oncebox.notification order by id`.execute(db);
    expect(rows).toEqual([
      { state: "unknown", state_reason: "killed_its_worker" },
      { state: "sent", state_reason: null },
    ]);
    const { rows: health } = await sql`select set_aside from oncebox.health`.execute(db);
    expect(health).toEqual([{ set_aside: "1" }]);
    expect((await gateways.messages()).sms).toHaveLength(1);
    expect(healthy.lines.some((it) => it.level === "error")).toBe(false);
  });
});

describe("a worker that is frozen before its first byte", () => {
  for (const mode of ["campaign", "message"] as const) {
    test(`and resumed after its time writes nothing to the provider (${mode} mode)`, async ({
      db,
      gateways,
      startWorker,
    }) => {
      const frozen = await startWorker({ ...SHORT, MOBIZON_SEND_MODE: mode }, [
        STOPPING,
        "SIGSTOP",
        "before-write",
      ]);
      await register(db, makeLeads(1, { email: null }));
      await until("it is frozen", () => stateOfProcess(frozen) === "T");
      const frozenAt = Date.now();
      await until("its time is over", () => Date.now() - frozenAt > 2_500);
      frozen.child.kill("SIGCONT");
      const event = await frozen.logged("attempt:settled");

      expect(event).toMatchObject({ outcome: "not_sent", code: "lease_over" });
      expect((await gateways.messages()).sms).toEqual([]);
    });
  }
});

async function countFreeJobs(db: Kysely<unknown>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from graphile_worker.jobs where locked_at is null`.execute(
    db,
  );
  return rows[0]?.count ?? Number.NaN;
}

function stateOfProcess(worker: WorkerProcess): string | undefined {
  return readFileSync(`/proc/${worker.child.pid}/stat`, "utf8").split(") ")[1]?.[0];
}

describe("a worker that loses its lock's connection", () => {
  test("claims nothing more, settles what is in flight, and starts again under a new name", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.set({ delayMs: 1_000 });
    const worker = await startWorker({
      ...SHORT,
      MOBIZON_SEND_MODE: "message",
      ONCEBOX_SEND_TIMEOUT: "5 seconds",
    });
    const [first] = worker.lines.filter((it) => it.msg === "worker:started");
    await register(db, makeLeads(30, { email: null }));
    await until("ten are under way", async () => (await countStates(db)).claimed === 10);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'oncebox presence' and datname = current_database()`.execute(
      db,
    );
    await worker.logged("worker:lost, it claims nothing more and starts again");
    await gateways.set({ delayMs: 0 });
    await until(
      "it is back",
      () => worker.lines.filter((it) => it.msg === "worker:started").length === 2,
    );
    await until("all are sent", async () => (await countStates(db)).sent === 30);

    const [, second] = worker.lines.filter((it) => it.msg === "worker:started");
    expect(second?.workerId).not.toBe(first?.workerId);
    expect(Object.values(tally((await gateways.messages()).sms.map((it) => it.to)))).toEqual(
      Array(30).fill(1),
    );
  });

  test("is still there when all its other connections go while jobs wait in it", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.set({ delayMs: 100 });
    const worker = await startWorker({ ...SHORT, MOBIZON_SEND_MODE: "campaign" });
    await register(db, makeLeads(60, { email: null }));
    for (let cut = 0; cut < 3; cut++) {
      const { sent = 0 } = await countStates(db);
      await until("more are sent", async () => ((await countStates(db)).sent ?? 0) > sent + 5);
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'oncebox worker' and datname = current_database()`.execute(
        db,
      );
    }
    await gateways.set({ delayMs: 0 });

    await until("all are sent", async () => (await countStates(db)).sent === 60);
    expect(worker.child.exitCode).toBeNull();
    expect((await gateways.messages()).sms).toHaveLength(60);
  });

  test("comes back when Postgres crashes and restarts, and loses and doubles nothing", async ({
    gateways,
    startWorker,
  }) => {
    await using postgres = await startPostgres();
    const { migrate } = await import("../../src/db/migrate.ts");
    const { openPool } = await import("../support/database.ts");
    const { Kysely, PostgresDialect } = await import("kysely");
    const pool = openPool(postgres.url);
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
    await migrate(pool);
    const worker = await startWorker({ ...SHORT, DATABASE_URL: postgres.url });
    await register(db, makeLeads(60));
    await until("it is at work", async () => ((await countStates(db)).sent ?? 0) > 10);
    await postgres.restart("immediate");
    await until(
      "it is back",
      () => worker.lines.filter((it) => it.msg === "worker:started").length === 2,
    );
    await until("all are settled", async () => {
      await sql`update oncebox.notification set look_up_at = now() where look_up_at is not null`.execute(
        db,
      );
      const { sent = 0, unknown = 0 } = await countStates(db);
      return sent + unknown === 120 && (await unknownSms(db)) === 0;
    });
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toBe(0);
    await pool.end();

    const { sms, email } = await gateways.messages();
    expect(Object.values(tally(sms.map((it) => it.to)))).toEqual(Array(60).fill(1));
    expect(Math.max(...Object.values(tally(email.map((it) => it.to[0] ?? ""))))).toBe(1);
  });
});

async function unknownSms(db: Parameters<typeof countStates>[0]): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from oncebox.notification where state = 'unknown' and channel = 'sms'`.execute(
    db,
  );
  return rows[0]?.count ?? 0;
}
