import { sql } from "kysely";
import { describe, expect } from "vitest";
import { readHealth } from "../../src/inspect/health.ts";
import { takeBalance } from "../../src/outbox/balance.ts";
import { type BalanceDeps, checkBalance } from "../../src/tasks/balance.ts";
import { claimAs, makeNotification } from "../support/make.ts";
import { test as base } from "./support/fixture.ts";

const NEVER = new AbortController().signal;
/** What the stand-in's account begins with. */
const FULL = 1_000_000;

const test = base.extend<{ readonly leave: (money: number, warnBelow?: number) => Promise<void> }>({
  /** So much is left on the account, and a worker reads it. */
  leave: async ({ db, mobizon, sms, log }, use) => {
    await use(async (money, warnBelow = 500) => {
      mobizon.set({ paidIn: money - FULL });
      const deps: BalanceDeps = { db, channels: { sms }, warnBelow, log };
      await checkBalance(deps, "sms", NEVER);
    });
  },
});

describe("the balance", () => {
  test("is kept with its currency, and shown", async ({ db, leave }) => {
    expect((await readHealth(db)).smsBalance).toBeNull();

    await leave(1_234.5);

    expect((await readHealth(db)).smsBalance).toEqual({
      ...{ balance: "1234.5000", currency: "KZT", at: expect.any(Date), lowSince: null },
    });
  });

  test("below the threshold warns once for each time it gets there", async ({ db, leave, log }) => {
    const warnings = () => log.lines.filter((it) => it.msg === "channel:balance_low");
    await leave(500);
    expect(warnings()).toEqual([]);
    await leave(499.99);
    await leave(100);
    await leave(50);
    expect(warnings()).toMatchObject([{ balance: "499.9900", currency: "KZT", warnBelow: 500 }]);
    expect((await readHealth(db)).smsBalance?.lowSince).toBeInstanceOf(Date);
    expect((await readHealth(db)).pausedChannels).toEqual([]);

    await leave(5_000);
    expect((await readHealth(db)).smsBalance?.lowSince).toBeNull();
    await leave(3);
    expect(warnings()).toHaveLength(2);
  });

  test("at zero pauses the channel, and with money it goes on at once", async ({
    db,
    leave,
    log,
  }) => {
    const id = await makeNotification(db);
    await leave(0);
    await leave(-5);

    expect(await claimAs(db, id)).toMatchObject({ verdict: "paused" });
    expect((await readHealth(db)).pausedChannels).toMatchObject([
      { channel: "sms", reason: "balance" },
    ]);
    expect(log.lines.filter((it) => it.msg === "channel:paused")).toMatchObject([
      { trouble: "balance" },
    ]);
    // Ever further, as long as nobody pays, and never two claims to try it with.
    const { rows } = await sql`
      select paused_until > now() + interval '5 minutes' as later, pauses from oncebox.channel where channel = 'sms'`.execute(
      db,
    );
    expect(rows).toEqual([{ later: true, pauses: 1 }]);

    await leave(20);
    expect(await claimAs(db, id)).toMatchObject({ verdict: "claimed" });
    expect(log.lines.map((it) => it.msg)).toContain("channel:opened, there is money again");
  });

  test("leaves alone what was paused for another reason", async ({ db, leave }) => {
    await sql`select oncebox.pause_channel('sms', interval '1 hour', 'mobizon_8', 0)`.execute(db);

    for (const money of [0, 5_000]) {
      await leave(money);
      expect((await readHealth(db)).pausedChannels).toMatchObject([{ reason: "mobizon_8" }]);
    }
  });

  test("that cannot be read changes nothing", async ({ db, leave, mobizon, log }) => {
    await leave(0);
    mobizon.addFault({ times: "always", fault: { accept: false, answer: "http", status: 502 } });
    const before = await sql`select * from oncebox.channel order by channel`.execute(db);

    await leave(5_000);

    const after = await sql`select * from oncebox.channel order by channel`.execute(db);
    expect(after.rows).toEqual(before.rows);
    expect(log.lines.at(-1)?.msg).toBe("balance:not read, it is tried again");
  });

  test("is read by one of all workers in each interval", async ({ db }) => {
    const taken = await Promise.all(
      Array.from({ length: 10 }, () => takeBalance(db, "sms", 300_000)),
    );
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(await takeBalance(db, "sms", 300_000)).toBe(false);

    await sql`update oncebox.channel set balance_look_at = now()`.execute(db);
    expect(await takeBalance(db, "sms", 300_000)).toBe(true);
  });
});
