import type pg from "pg";
import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";
import {
  census,
  countLeads,
  makeFile,
  manyLeads,
  type Running,
  register,
  startRegister,
  waitFor,
} from "./support/register.ts";

const COUNT = 3_000;
const ALL = { leads: COUNT, phones: COUNT, notifications: 2 * COUNT };
/** In the third transaction of 500 records. */
const HELD = 1_250;

/**
 * Registers one lead of the file and does not commit: whoever registers the same key waits for
 * that, so a run over the file stands still in its third transaction, whatever the machine's speed.
 */
async function holdMidway(pool: pg.Pool): Promise<AsyncDisposable> {
  // The first job of a task ever also adds the task's name, which every other first one waits for.
  await pool.query("select graphile_worker.add_job(it) from unnest($1::text[]) as it", [
    ["oncebox_sms", "oncebox_email"],
  ]);
  const client = await pool.connect();
  await client.query("begin");
  await client.query("select oncebox.register_lead(email => $1, idempotency_key => $2)", [
    "held@example.kz",
    `key-${HELD}`,
  ]);
  return {
    async [Symbol.asyncDispose]() {
      await client.query("rollback");
      client.release();
    },
  };
}

async function standsStill(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query(
    `select from pg_stat_activity
      where datname = current_database() and application_name = 'oncebox register' and wait_event_type = 'Lock'`,
  );
  return rows.length > 0;
}

describe("oncebox register --file, stopped midway", () => {
  for (const [signal, exitCode] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    test(`by ${signal} finishes its transaction, and a second run loses and doubles nothing`, async ({
      databaseUrl,
      pool,
    }) => {
      const file = await makeFile("leads.csv", manyLeads(COUNT));
      let running: Running;
      {
        await using _ = await holdMidway(pool);
        running = startRegister(databaseUrl, ["--file", file, "--json"]);
        await waitFor(() => standsStill(pool));
        running.process.kill(signal);
        await waitFor(() => running.stderr().includes("stopping after the transaction"));
      }

      const first = await running.ended;
      const between = await countLeads(pool);
      const second = await register(databaseUrl, ["--file", file, "--json"]);

      expect(first.exitCode).toBe(exitCode);
      expect(between).toBe(1_500);
      expect(JSON.parse(first.stdout)).toMatchObject({
        summary: { read: 1_500, created: 1_500, complete: false, signal },
      });
      expect(JSON.parse(second.stdout)).toMatchObject({
        summary: { created: 1_500, recognised: 1_500, refused: 0, complete: true },
      });
      expect(second.exitCode).toBe(0);
      expect(await census(pool)).toEqual(ALL);
    });
  }

  test("by a second signal does not wait for a transaction that hangs", async ({
    databaseUrl,
    pool,
  }) => {
    const file = await makeFile("leads.csv", manyLeads(COUNT));
    await using _ = await holdMidway(pool);
    const running = startRegister(databaseUrl, ["--file", file]);
    await waitFor(() => standsStill(pool));

    await waitFor(() => {
      if (running.stderr().includes("stopping at once")) return true;
      running.process.kill("SIGINT"); // the ones that follow at once count as an echo of the first
      return false;
    }, 400);
    const { exitCode, stdout } = await running.ended;

    expect(exitCode).toBe(130);
    expect(stdout).toMatch(/created 1000,.*\nStopped by SIGINT\./);
  });

  test("by losing the database keeps what was committed, and a second run does the rest", async ({
    databaseUrl,
    pool,
  }) => {
    const file = await makeFile("leads.csv", manyLeads(COUNT));
    let running: Running;
    {
      await using _ = await holdMidway(pool);
      running = startRegister(databaseUrl, ["--file", file]);
      await waitFor(() => standsStill(pool));
      await pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'oncebox register'`,
      );
    }

    const first = await running.ended;
    const second = await register(databaseUrl, ["--file", file]);

    expect(first.exitCode).toBe(1);
    expect(first.stdout).toContain("records read 1000: created 1000,");
    expect(first.stderr).toContain("ONCEBOX_DATABASE_UNREACHABLE: the connection to the database");
    expect(first.stderr).toContain("Run the same command again");
    expect(second.stdout).toContain("created 2000, recognised 1000,");
    expect(await census(pool)).toEqual(ALL);
  });
});

describe("oncebox register --file -", () => {
  test("registers what has come while the pipe is silent, and says how to go on when stopped", async ({
    databaseUrl,
    pool,
  }) => {
    const running = startRegister(databaseUrl, ["--file", "-"]);
    running.process.stdin?.write('{"phone":"87771234567"}\n{"phone":"87771234568"}\n');
    await waitFor(async () => (await countLeads(pool)) === 2);

    running.process.kill("SIGINT");

    expect((await running.ended).stdout).toMatch(
      /^records read 2: created 2,.*\nStopped by SIGINT\. Run the same command again: what was registered is recognised/,
    );
  });
});
