import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";
import { claimAs, makeNotification } from "../support/make.ts";

const MINUTE_MS = 60_000;

describe("sweep", () => {
  test("has what became due just now go before what an outage left, each in the order of due_at", async ({
    db,
  }) => {
    const older = await makeNotification(db, { dueInMs: -10 * MINUTE_MS });
    const fresh = await makeNotification(db, { dueInMs: -2_000 });
    const oldest = await makeNotification(db, { dueInMs: -20 * MINUTE_MS });
    const freshest = await makeNotification(db, { dueInMs: -1_000 });
    const later = await makeNotification(db, { dueInMs: MINUTE_MS });

    await sql`select from oncebox.sweep()`.execute(db);

    expect(await turns(db)).toEqual([fresh, freshest, later, oldest, older]);
  });

  test("gives what a pause put off its old place again once the channel is open", async ({
    db,
  }) => {
    const fresh = await makeNotification(db, { dueInMs: -2_000 });
    const second = await makeNotification(db, { dueInMs: -10 * MINUTE_MS });
    const first = await makeNotification(db, { dueInMs: -20 * MINUTE_MS });
    await sql`select oncebox.pause_channel('sms', interval '1 hour', 'throttled', 0)`.execute(db);
    const verdicts = [
      await claimAs(db, second),
      await claimAs(db, fresh),
      await claimAs(db, first),
    ];
    expect(verdicts.map((it) => it?.verdict)).toEqual(["paused", "paused", "paused"]);
    expect(await due(db)).toEqual([]);

    await sql`select oncebox.open_channel('sms')`.execute(db);
    await sql`select from oncebox.sweep()`.execute(db);

    expect(await due(db)).toEqual([fresh, first, second]);
  });

  test("leaves what a pause put off where it is while the pause lasts", async ({ db }) => {
    const id = await makeNotification(db, { dueInMs: -10 * MINUTE_MS });
    await sql`select oncebox.pause_channel('sms', interval '1 hour', 'throttled', 0)`.execute(db);
    await claimAs(db, id);

    await sql`select from oncebox.sweep()`.execute(db);

    expect(await due(db)).toEqual([]);
  });
});

/** The notifications in the order in which workers take them. */
async function turns(db: Kysely<unknown>, until = sql`'infinity'::timestamptz`): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select substr(key, 9) as id from graphile_worker.jobs
     where run_at <= ${until} order by priority, run_at`.execute(db);
  return rows.map((it) => it.id);
}

function due(db: Kysely<unknown>): Promise<string[]> {
  return turns(db, sql`clock_timestamp()`);
}
