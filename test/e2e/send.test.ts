import { sql } from "kysely";
import { describe, expect } from "vitest";
import { registerLeads } from "../../src/outbox/register.ts";
import { countStates, makeLeads, phoneOf, register, tally } from "../support/leads.ts";
import { test } from "../support/running.ts";
import { until } from "../support/until.ts";

describe("a worker", () => {
  for (const mode of ["campaign", "message"] as const) {
    test(`sends one SMS and one email for a lead, and writes down that it did (${mode} mode)`, async ({
      db,
      gateways,
      startWorker,
    }) => {
      await startWorker({ MOBIZON_SEND_MODE: mode });
      await register(db, makeLeads(1, { data: { result_url: "https://example.kz/r/1?a=1&b=2" } }));
      await until("both are sent", async () => (await countStates(db)).sent === 2);

      const { sms, email } = await gateways.messages();
      expect(sms).toMatchObject([
        {
          to: phoneOf(0).slice(1),
          text: "Айгерим, ваш результат ProfTest готов: https://example.kz/r/1?a=1&b=2",
          campaign: expect.stringMatching(/^oncebox-[0-9a-f]{8}-\d+$/),
        },
      ]);
      expect(email).toMatchObject([
        {
          to: ["lead0@example.kz"],
          from: "info@example.kz",
          subject: "Айгерим, ваш результат ProfTest готов",
          messageId: expect.stringMatching(/^<oncebox-[0-9a-f]{8}-\d+@example\.kz>$/),
        },
      ]);
      const { rows } = await sql`
        select l.sms_sent, l.sms_sent_at is not null as sms_at, l.email_sent, l.email_sent_at is not null as email_at,
               (select message_id from oncebox.notification where channel = 'sms') as message_id
          from public.landing_leads as l`.execute(db);
      expect(rows).toEqual([
        { sms_sent: true, sms_at: true, email_sent: true, email_at: true, message_id: sms[0]?.id },
      ]);
    });
  }

  test("sends the email when the SMS is refused for good", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.addSmsFault({
      times: "always",
      fault: { accept: false, answer: "code", code: 1, data: { recipient: "wrong" } },
    });
    await startWorker();
    await register(db, makeLeads(1));
    await until("both are settled", async () => {
      const states = await countStates(db);
      return states.sent === 1 && states.failed === 1;
    });

    const { rows } =
      await sql`select channel, state, state_reason from oncebox.notification order by channel`.execute(
        db,
      );
    expect(rows).toMatchObject([
      { channel: "email", state: "sent" },
      { channel: "sms", state: "failed", state_reason: expect.stringContaining("1") },
    ]);
    expect((await gateways.messages()).email).toHaveLength(1);
    const leads =
      await sql`select sms_sent, sms_sent_at, email_sent from public.landing_leads`.execute(db);
    expect(leads.rows).toEqual([{ sms_sent: false, sms_sent_at: null, email_sent: true }]);
  });

  test("sends the SMS when the mailbox is refused for good", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.addEmailFault({
      times: "always",
      fault: { at: "rcpt", answer: "refuse", code: 550 },
    });
    await startWorker();
    await register(db, makeLeads(1));
    await until("both are settled", async () => {
      const states = await countStates(db);
      return states.sent === 1 && states.failed === 1;
    });

    const { rows } =
      await sql`select channel, state from oncebox.notification order by channel`.execute(db);
    expect(rows).toEqual([
      { channel: "email", state: "failed" },
      { channel: "sms", state: "sent" },
    ]);
    expect(await gateways.messages()).toMatchObject({ sms: [{}], email: [] });
  });

  test("skips what an old backend has sent, and logs it", async ({ db, gateways, startWorker }) => {
    const worker = await startWorker();
    await db.transaction().execute(async (tx) => {
      await registerLeads(tx, makeLeads(1));
      await sql`update public.landing_leads set sms_sent = true, sms_sent_at = now()`.execute(tx);
    });
    await worker.logged("already sent - skipping duplicate", { channel: "sms" });
    await until("the email is sent", async () => (await countStates(db)).sent === 1);

    expect(await gateways.messages()).toMatchObject({ sms: [], email: [{}] });
    expect(await countStates(db)).toEqual({ cancelled: 1, sent: 1 });
  });

  test("does not send what has expired", async ({ db, gateways, startWorker }) => {
    const worker = await startWorker();
    await register(db, makeLeads(1, { expiresAt: new Date(Date.now() - 1_000) }));
    await until("both are cancelled", async () => (await countStates(db)).cancelled === 2);

    await worker.logged("notification:expired");
    expect(await gateways.messages()).toEqual({ sms: [], email: [] });
  });

  test("tries again after its backoff when a message was provably not sent, and gives up in the end", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.addEmailFault({
      times: "always",
      fault: { at: "rcpt", answer: "refuse", code: 450 },
    });
    await startWorker();
    await register(db, makeLeads(1, { phone: null }));

    const hurry = sql`
      update oncebox.notification set due_at = now() where state = 'pending' and attempt > 0;
      select oncebox.wake(array(select id from oncebox.notification where state = 'pending'))`;
    await until("it is given up", async () => {
      await hurry.execute(db);
      return (await countStates(db)).failed === 1;
    });

    const { rows } = await sql`select failures, attempt from oncebox.notification`.execute(db);
    expect(rows).toEqual([{ failures: 6, attempt: 6 }]);
    expect(await gateways.messages()).toMatchObject({ email: [] });
  });

  test("ends a message for which there is no text as failed, and sends nothing", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await register(db, makeLeads(1));
    await sql`delete from oncebox.template`.execute(db);
    await startWorker();
    await until("both are settled", async () => (await countStates(db)).failed === 2);

    const { rows } = await sql`select distinct state_reason from oncebox.notification`.execute(db);
    expect(rows).toEqual([{ state_reason: "no_text" }]);
    expect(await gateways.messages()).toEqual({ sms: [], email: [] });
  });

  const channelWide: readonly [name: string, code: number, reason: RegExp][] = [
    ["a wrong key", 8, /8/],
    ["a blocked account", 14, /14/],
    ["a wrong host", 13, /13/],
    ["calling too often", 30, /30/],
  ];
  for (const [name, code, reason] of channelWide) {
    test(`pauses the channel for ${name}, says so, uses up no try, and goes on afterwards`, async ({
      db,
      gateways,
      startWorker,
    }) => {
      await gateways.addSmsFault({
        times: "always",
        fault: { accept: false, answer: "code", code },
      });
      const worker = await startWorker({ ONCEBOX_CONCURRENCY: "1" });
      await register(db, makeLeads(5, { email: null }));
      await worker.logged("channel:paused", { channel: "sms" });
      const paused = await sql<{ reason: string }>`
        select pause_reason as reason from oncebox.channel where paused_until is not null`.execute(
        db,
      );

      await gateways.clearFaults();
      await sql`
        update oncebox.channel set paused_until = now() where paused_until is not null;
        update oncebox.notification set due_at = now() where state = 'pending';
        select oncebox.wake(array(select id from oncebox.notification where state = 'pending'))`.execute(
        db,
      );
      await until("all are sent", async () => (await countStates(db)).sent === 5);

      expect(paused.rows[0]?.reason).toMatch(reason);
      const { rows } =
        await sql`select sum(failures)::integer as failures from oncebox.notification`.execute(db);
      expect(rows).toEqual([{ failures: 0 }]);
      expect(tally((await gateways.messages()).sms.map((it) => it.to))).toEqual(
        Object.fromEntries(Array.from({ length: 5 }, (_, index) => [phoneOf(index).slice(1), 1])),
      );
    });
  }

  test("gives back what it claimed ahead when an answer pauses the channel meanwhile, and calls no more", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.set({ delayMs: 2_500 });
    await gateways.addSmsFault({
      times: "always",
      fault: { accept: false, answer: "code", code: 8 },
    });
    // The pause is known late, so that what is given back is woken before.
    await sql`
      create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(1); return new; end $$;
      create trigger dawdle before update on oncebox.channel
        for each row when (new.paused_until is not null) execute function dawdle()`.execute(db);
    const worker = await startWorker({ ONCEBOX_CONCURRENCY: "1", MOBIZON_SEND_MODE: "message" });
    await register(db, makeLeads(2, { email: null }));
    await until("both are claimed", async () => (await countStates(db)).claimed === 2);
    await worker.logged("channel:paused", { channel: "sms" });
    await until("both wait again", async () => (await countStates(db)).pending === 2);

    const { rows } = await sql`
      select outcome, code from oncebox.attempt order by outcome`.execute(db);
    expect(rows).toEqual([
      { outcome: "not_sent", code: "mobizon_8" },
      { outcome: "released", code: "channel_paused" },
    ]);
  });

  test("claims as many SMS again as it has places for, and gives back what waited half of its time for one", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.set({ delayMs: 2_500 });
    await startWorker({
      ONCEBOX_CONCURRENCY: "2",
      ONCEBOX_SEND_TIMEOUT: "4 seconds",
      MOBIZON_SEND_MODE: "message",
    });
    await register(db, makeLeads(5, { email: null }));
    await until("four are claimed", async () => (await countStates(db)).claimed === 4);
    await until("all are sent", async () => (await countStates(db)).sent === 5);

    const { rows } = await sql`
      select outcome, code, count(*)::integer as attempts from oncebox.attempt
       group by outcome, code order by attempts`.execute(db);
    expect(rows).toEqual([
      // The two that were claimed ahead, and the one that was when the last three were left.
      { outcome: "released", code: "waited_too_long", attempts: 3 },
      { outcome: "accepted", code: null, attempts: 5 },
    ]);
    expect(Object.values(tally((await gateways.messages()).sms.map((it) => it.to)))).toEqual([
      1, 1, 1, 1, 1,
    ]);
  });

  const notAhead: readonly [name: string, env: Readonly<Record<string, string>>, lead: object][] = [
    ["an SMS for which a rate is set", { ONCEBOX_SMS_PER_SECOND: "100" }, { email: null }],
    ["an email", {}, { phone: null }],
  ];
  for (const [name, env, lead] of notAhead) {
    test(`does not claim ${name} before it has a place for it`, async ({
      db,
      gateways,
      startWorker,
    }) => {
      await gateways.set({ delayMs: 1_000 });
      await gateways.addEmailFault({
        times: "always",
        fault: { at: "dot", accept: true, answer: "late", delayMs: 1_000 },
      });
      await startWorker({ ONCEBOX_CONCURRENCY: "3", MOBIZON_SEND_MODE: "message", ...env });
      await register(db, makeLeads(4, lead));
      await until("all are sent", async () => (await countStates(db)).sent === 4);

      const { rows } = await sql<{ hasWaited: boolean }>`
        select max(started_at) - min(started_at) >= '1 second' as "hasWaited" from oncebox.attempt`.execute(
        db,
      );
      expect(rows).toEqual([{ hasWaited: true }]);
    });
  }

  test("pauses for a gateway that nobody answers at, and sends once it is there", async ({
    db,
    gateways,
    startWorker,
  }) => {
    const worker = await startWorker({ MOBIZON_API_URL: "http://127.0.0.1:9" });
    await register(db, makeLeads(1, { email: null }));
    await worker.logged("channel:paused", { trouble: "outage" });
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toBe(0);

    await startWorker();
    await until("it is sent", async () => (await countStates(db)).sent === 1);
    expect((await gateways.messages()).sms).toHaveLength(1);
  });

  test("leaves a channel that is not configured to others", async ({
    db,
    gateways,
    startWorker,
  }) => {
    const worker = await startWorker({ SMTP_URL: "" });
    await register(db, makeLeads(1));
    await until("the SMS is sent", async () => (await countStates(db)).sent === 1);

    expect(worker.lines).toContainEqual(
      expect.objectContaining({ channel: "email", level: "warn" }),
    );
    expect(await countStates(db)).toEqual({ sent: 1, pending: 1 });
    await startWorker();
    await until("the email is sent too", async () => (await countStates(db)).sent === 2);
    expect((await gateways.messages()).email).toHaveLength(1);
  });

  test("logs no name, number, address, text or key", async ({ db, gateways, startWorker }) => {
    await gateways.addSmsFault({
      match: { method: "campaign/create" },
      fault: { accept: false, answer: "code", code: 1, message: `bad number ${phoneOf(0)}` },
    });
    const worker = await startWorker();
    await register(db, makeLeads(3));
    await until("all are settled", async () => {
      const { sent = 0, failed = 0 } = await countStates(db);
      return sent + failed === 6;
    });

    const log = JSON.stringify(worker.lines);
    for (const secret of [
      "Айгерим",
      "7701000",
      "lead0@",
      "ProfTest готов",
      gateways.mobizonApiKey,
    ]) {
      expect(log).not.toContain(secret);
    }
  });
});

describe("four worker processes", () => {
  test("racing for 500 leads send each one SMS and one email", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await Promise.all(Array.from({ length: 4 }, () => startWorker({ ONCEBOX_CONCURRENCY: "20" })));
    await register(db, makeLeads(500));
    // Wake-ups enough for every worker to reach for every row.
    for (let round = 0; round < 4; round++) {
      await sql`select oncebox.wake(array(select id from oncebox.notification where state = 'pending'))`.execute(
        db,
      );
    }
    await until("all are sent", async () => (await countStates(db)).sent === 1_000, 50_000);

    const { sms, email } = await gateways.messages();
    expect(Object.values(tally(sms.map((it) => it.to)))).toEqual(Array(500).fill(1));
    expect(Object.values(tally(email.map((it) => it.to[0] ?? "")))).toEqual(Array(500).fill(1));
    const { rows } = await sql<{
      workers: number;
    }>`select count(distinct worker_id)::integer as workers from oncebox.attempt`.execute(db);
    expect(rows[0]?.workers).toBeGreaterThan(1);
  });
});

describe("a worker told to stop", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`by ${signal} finishes what is under way, claims nothing new and exits 0, however often it is told`, async ({
      db,
      gateways,
      startWorker,
    }) => {
      const worker = await startWorker({ ONCEBOX_CONCURRENCY: "2", MOBIZON_SEND_MODE: "message" });
      await gateways.set({ delayMs: 1_000 });
      await register(db, makeLeads(20, { email: null }));
      await until(
        "two are under way, and two wait for their places",
        async () => (await countStates(db)).claimed === 4,
      );

      worker.child.kill(signal);
      await worker.logged("worker:stopping, what is in flight finishes");
      worker.child.kill(signal);
      worker.child.kill("SIGTERM");

      expect(await worker.ended).toBe(0);
      const states = await countStates(db);
      expect(states.claimed).toBeUndefined();
      expect(states.unknown).toBeUndefined();
      expect(states.sent).toBe((await gateways.messages()).sms.length);
      expect(states.pending).toBe(20 - (states.sent ?? 0));
      expect(states.pending).toBeGreaterThan(10);
    });
  }
});
