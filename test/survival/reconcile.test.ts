import { sql } from "kysely";
import { describe, expect } from "vitest";
import { countStates, makeLeads, register } from "../support/leads.ts";
import { test } from "../support/running.ts";
import { until } from "../support/until.ts";

const SHORT = { ONCEBOX_SEND_TIMEOUT: "2 seconds", ONCEBOX_LEASE: "20 seconds" };

describe("reconcile, in campaign mode", () => {
  for (const accept of [true, false]) {
    test(`settles by the campaign's id what ${accept ? "went out" : "did not go out"} unheard, and makes no second campaign`, async ({
      db,
      gateways,
      startWorker,
    }) => {
      await gateways.addSmsFault({
        match: { method: "campaign/send" },
        fault: { accept, answer: "reset" },
      });
      await startWorker(SHORT);
      await register(db, makeLeads(1, { email: null }));
      await until("it is sent", async () => (await countStates(db)).sent === 1);

      expect((await gateways.messages()).sms).toHaveLength(1);
      expect((await gateways.requests()).counts).toMatchObject({ "campaign/create": { "0": 1 } });
      const { rows } = await sql`
        select l.finding, l.verdict, n.provider_ref = n.message_id as by_its_id
          from oncebox.lookup as l
          join oncebox.notification as n on n.id = l.notification_id
         order by l.id desc limit 1`.execute(db);
      expect(rows).toEqual([
        {
          finding: accept ? "sent" : "draft",
          verdict: accept ? "sent" : "pending",
          by_its_id: true,
        },
      ]);
    });
  }

  test("asks again, less and less often, while the provider does not answer, and moves nothing", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.addSmsFault({
      match: { method: "campaign/send" },
      fault: { accept: true, answer: "reset" },
    });
    await gateways.addSmsFault({
      times: "always",
      match: { method: "campaign/getInfo" },
      fault: { accept: false, answer: "http", status: 502 },
    });
    await startWorker(SHORT);
    await register(db, makeLeads(1, { email: null }));
    await until("it was asked in vain three times", async () => {
      await sql`update oncebox.notification set look_up_at = now() where look_up_at < now() + interval '100 seconds'`.execute(
        db,
      );
      const { rows } = await sql<{
        asked: number;
      }>`select count(*)::integer as asked from oncebox.lookup where finding = 'undecided'`.execute(
        db,
      );
      return (rows[0]?.asked ?? 0) >= 3;
    });

    expect(await countStates(db)).toEqual({ unknown: 1 });
    await until("the next time is some seconds away", async () => {
      const { rows } = await sql`
        select from oncebox.notification where look_up_at > now() + interval '5 seconds'`.execute(
        db,
      );
      return rows.length === 1;
    });
    await gateways.clearFaults();
    // Asked meanwhile by itself, it is not in doubt any more.
    await sql`update oncebox.notification set look_up_at = now() where state = 'unknown'`.execute(
      db,
    );
    await until("it is settled", async () => (await countStates(db)).sent === 1);
    expect((await gateways.messages()).sms).toHaveLength(1);
  });
});

describe("reconcile, in message mode", () => {
  test("does not take an absence for proof while the list may lag behind the send", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.set({ listLagMs: 60_000 });
    await gateways.addSmsFault({
      match: { method: "message/sendSmsMessage" },
      fault: { accept: true, answer: "reset" },
    });
    await startWorker({
      ...SHORT,
      MOBIZON_SEND_MODE: "message",
      ONCEBOX_SEND_TIMEOUT: "30 seconds",
      ONCEBOX_LEASE: "60 seconds",
    });
    await register(db, makeLeads(1, { email: null }));
    await until("it was looked for five times", async () => {
      await sql`update oncebox.notification set look_up_at = now() where look_up_at is not null`.execute(
        db,
      );
      const { rows } = await sql<{
        asked: number;
      }>`select count(*)::integer as asked from oncebox.lookup where finding = 'absent'`.execute(
        db,
      );
      return (rows[0]?.asked ?? 0) >= 5;
    });
    expect(await countStates(db)).toEqual({ unknown: 1 });

    await gateways.set({ listLagMs: 0 });
    await until("it is found", async () => {
      await sql`update oncebox.notification set look_up_at = now() where look_up_at is not null`.execute(
        db,
      );
      return (await countStates(db)).sent === 1;
    });
    expect((await gateways.messages()).sms).toHaveLength(1);
  });
});

describe("an email in doubt", () => {
  test("waits for a person by default", async ({ db, gateways, startWorker }) => {
    await gateways.addEmailFault({ fault: { at: "dot", accept: true, answer: "close" } });
    await startWorker(SHORT);
    await register(db, makeLeads(2, { phone: null }));
    await until("one is sent and one in doubt", async () => {
      const states = await countStates(db);
      return states.sent === 1 && states.unknown === 1;
    });

    const { rows } = await sql<{
      asked: string;
    }>`select count(*) as asked from oncebox.lookup`.execute(db);
    expect(rows[0]?.asked).toBe("0");
    expect((await gateways.messages()).email).toHaveLength(2);
  });

  test("is sent again under the same Message-ID where the settings say so", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.addEmailFault({ fault: { at: "dot", accept: true, answer: "close" } });
    await startWorker({ ...SHORT, EMAIL_UNKNOWN: "resend" });
    await register(db, makeLeads(1, { phone: null }));
    await until("it is sent", async () => {
      await sql`update oncebox.channel set paused_until = null, pause_reason = null`.execute(db);
      return (await countStates(db)).sent === 1;
    });

    const { email } = await gateways.messages();
    expect(email).toHaveLength(2);
    expect(new Set(email.map((it) => it.messageId)).size).toBe(1);
  });
});

describe("the shared send rate", () => {
  test("holds over all workers together, and everything is sent in the end", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await Promise.all([
      startWorker({ ONCEBOX_SMS_PER_SECOND: "10", MOBIZON_SEND_MODE: "message" }),
      startWorker({ ONCEBOX_SMS_PER_SECOND: "10", MOBIZON_SEND_MODE: "message" }),
    ]);
    await register(db, makeLeads(40, { email: null }));
    await until("all are sent", async () => (await countStates(db)).sent === 40);

    // By the database's clock: how long a call then takes to reach the gateway is the machine's affair.
    const { rows } = await sql<{ at: number }>`
      select (extract(epoch from started_at) * 1000)::float8 as at from oncebox.attempt order by 1`.execute(
      db,
    );
    const perSecond = rows.map(
      ({ at }) => rows.filter((it) => it.at >= at && it.at < at + 1_000).length,
    );
    // Ten, one that a tenth of a second allows at once, and the three of those that came up to 0.3 s late.
    expect(Math.max(...perSecond)).toBeLessThanOrEqual(14);
    expect((await gateways.messages()).sms).toHaveLength(40);
  });
});
