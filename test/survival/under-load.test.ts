import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { describe, expect } from "vitest";
import { test } from "../support/running.ts";
import { until } from "../support/until.ts";
import { cutCommits } from "./commit-cutting.ts";
import { restartOneByOne } from "./rolling.ts";
import { isFlawless, type Outcome, slowDown, underLoad } from "./under-load.ts";

describe("while people register and both providers are slow", () => {
  test("workers that are restarted one after the other lose, double and doubt nothing", async ({
    pool,
    gateways,
    startWorker,
  }) => {
    await slowDown(gateways, 200);
    const workers = await Promise.all([startWorker(), startWorker()]);
    let ends: (number | string)[] = [];

    const outcome = await underLoad({ pool, gateways }, async () => {
      ends = await restartOneByOne(workers, startWorker, { times: 6 });
    });

    expect(ends).toEqual(Array(6).fill(0));
    expectFlawless(outcome);
  }, 180_000);

  test("a job table that is emptied again and again loses and doubles nothing", async ({
    pool,
    gateways,
    startWorker,
  }) => {
    await slowDown(gateways, 200);
    await Promise.all([startWorker(), startWorker()]);
    const ended = new AbortController();
    const hurried = hurry(pool, ended.signal);

    const outcome = await underLoad({ pool, gateways }, async () => {
      let removed = 0;
      await until("many jobs were taken away", async () => {
        const { rowCount } = await pool.query("delete from graphile_worker._private_jobs");
        removed += rowCount ?? 0;
        await pool.query("truncate graphile_worker._private_jobs");
        return removed >= 200;
      });
    }).finally(() => ended.abort());
    await hurried;

    expectFlawless(outcome);
  }, 180_000);

  test("connections cut before, around and after each kind of commit are each decided rightly", async ({
    databaseUrl,
    pool,
    gateways,
    startWorker,
  }) => {
    const { outcome, cuts } = await cutCommits({ databaseUrl, pool, gateways, startWorker }, 60);

    expect(Object.keys(cuts).length).toBeGreaterThan(8);
    expectFlawless(outcome);
  }, 180_000);
});

/** Sweep gives a row another job when it has been due for 10 seconds: they are over at once. */
async function hurry(pool: pg.Pool, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pool.query(
      "update oncebox.notification set due_at = due_at - interval '10 seconds' where state = 'pending' and due_at < now()",
    );
    await sleep(500, undefined, { signal }).catch(() => {});
  }
}

function expectFlawless(outcome: Outcome): void {
  expect(outcome.problems).toEqual([]);
  expect(outcome).toMatchObject({ unknown: 0, duplicates: 0, lost: 0, isQuiet: true });
  expect(outcome.messages).toBeGreaterThan(20);
  expect(isFlawless(outcome)).toBe(true);
}
