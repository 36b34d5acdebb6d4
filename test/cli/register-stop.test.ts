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

const COUNT = 5_000;
const ALL = { leads: COUNT, phones: COUNT, notifications: 2 * COUNT };

/** Holds the leads until it is let go, so that a transaction of `running` is caught in the middle. */
async function holdMidway(pool: pg.Pool, running: Running): Promise<pg.PoolClient> {
  await waitFor(async () => (await countLeads(pool)) > 0 || running.process.exitCode !== null);
  const client = await pool.connect();
  await client.query("begin; lock table public.landing_leads in share mode");
  await waitFor(async () => {
    const { rows } = await pool.query(
      `select from pg_stat_activity
        where datname = current_database() and application_name = 'oncebox register' and wait_event_type = 'Lock'`,
    );
    return rows.length > 0;
  });
  return client;
}

describe("oncebox register --file, stopped", () => {
  for (const [signal, expected] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    test(`by ${signal} finishes its transaction, and a second run loses and doubles nothing`, async ({
      databaseUrl,
      pool,
    }) => {
      const file = await makeFile("leads.csv", manyLeads(COUNT));
      const running = startRegister(databaseUrl, ["--file", file, "--json"]);
      const holder = await holdMidway(pool, running);
      const before = await countLeads(pool);

      running.process.kill(signal);
      await waitFor(() => running.stderr().includes("stopping after the transaction"));
      await holder.query("commit");
      holder.release();
      const first = await running.ended;
      const between = await countLeads(pool);
      const second = await register(databaseUrl, ["--file", file, "--json"]);

      expect(first.exitCode).toBe(expected);
      expect(between).toBe(before + 500);
      expect(JSON.parse(first.stdout)).toMatchObject({
        summary: { read: between, created: between, complete: false, signal },
      });
      expect(JSON.parse(second.stdout)).toMatchObject({
        summary: { created: COUNT - between, recognised: between, refused: 0, complete: true },
      });
      expect(second.exitCode).toBe(0);
      expect(await census(pool)).toEqual(ALL);
    });
  }

  test("says that the same command goes on", async ({ databaseUrl, pool }) => {
    const running = startRegister(databaseUrl, ["--file", "-"]);
    running.process.stdin?.write('{"phone":"87771234567"}\n{"phone":"87771234568"}\n');
    await waitFor(async () => (await countLeads(pool)) === 2);

    running.process.kill("SIGINT");

    expect((await running.ended).stdout).toMatch(
      /^records read 2: created 2,.*\nStopped by SIGINT\. Run the same command again: what was registered is recognised/,
    );
  });

  test("by a second signal does not wait for a transaction that hangs", async ({
    databaseUrl,
    pool,
  }) => {
    const file = await makeFile("leads.csv", manyLeads(COUNT));
    const running = startRegister(databaseUrl, ["--file", file]);
    const holder = await holdMidway(pool, running);

    await waitFor(() => {
      if (running.stderr().includes("stopping at once")) return true;
      running.process.kill("SIGINT"); // the ones that follow at once count as an echo of the first
      return false;
    }, 400);
    const { exitCode, stdout } = await running.ended;
    await holder.query("commit");
    holder.release();

    expect(exitCode).toBe(130);
    expect(stdout).toContain("Stopped by SIGINT.");
    await register(databaseUrl, ["--file", file]);
    expect(await census(pool)).toEqual(ALL);
  });

  test("by losing the database keeps what was committed, and a second run does the rest", async ({
    databaseUrl,
    pool,
  }) => {
    const file = await makeFile("leads.csv", manyLeads(COUNT));
    const running = startRegister(databaseUrl, ["--file", file]);
    const holder = await holdMidway(pool, running);
    const before = await countLeads(pool);

    await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'oncebox register'`,
    );
    const first = await running.ended;
    await holder.query("commit");
    holder.release();
    const second = await register(databaseUrl, ["--file", file]);

    expect(first.exitCode).toBe(1);
    expect(first.stdout).toContain(`records read ${before}: created ${before},`);
    expect(first.stderr).toMatch(
      /^ONCEBOX_DATABASE_UNREACHABLE: the connection to the database was lost/,
    );
    expect(first.stderr).toContain("Run the same command again");
    expect(second.exitCode).toBe(0);
    expect(await census(pool)).toEqual(ALL);
  });
});

describe("oncebox register --file -", () => {
  test("registers what has come while the pipe is silent", async ({ databaseUrl, pool }) => {
    const running = startRegister(databaseUrl, ["--file", "-"]);

    running.process.stdin?.write('{"phone":"87771234567"}\n');
    await waitFor(async () => (await countLeads(pool)) === 1);
    running.process.stdin?.end('{"phone":"87771234568"}');

    expect((await running.ended).stdout).toContain("records read 2: created 2,");
    expect(running.process.exitCode).toBe(0);
  });
});
