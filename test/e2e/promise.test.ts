import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { describe, expect } from "vitest";
import { STATES } from "../../src/outbox/notification.ts";
import { registerLeads } from "../../src/outbox/register.ts";
import { settle } from "../../src/outbox/settle.ts";
import { countStates, makeLeads, register, tally } from "../support/leads.ts";
import { makeNotification, outcomesOf, stateOf } from "../support/make.ts";
import { test } from "../support/running.ts";
import { until } from "../support/until.ts";

describe("1. A lead and its notifications commit together or not at all", () => {
  test("whatever statement of the caller's transaction fails", async ({ db }) => {
    const failing = db.transaction().execute(async (tx) => {
      await registerLeads(tx, makeLeads(3));
      await sql`select 1 / 0`.execute(tx);
    });

    await expect(failing).rejects.toThrow(/division by zero/);
    const { rows } = await sql<{ left: string }>`
      select (select count(*) from public.landing_leads) + (select count(*) from oncebox.registration)
           + (select count(*) from oncebox.notification) + (select count(*) from graphile_worker.jobs) as left`.execute(
      db,
    );
    expect(rows[0]?.left).toBe("0");
  });

  test("and every lead that is there has its notifications, each of them its job", async ({
    db,
  }) => {
    await register(db, makeLeads(50));

    const { rows } = await sql`
      select count(distinct l.id)::integer as leads, count(n.id)::integer as notifications, count(j.key)::integer as jobs
        from public.landing_leads as l
        left join oncebox.notification as n on n.lead_id = l.id
        left join graphile_worker.jobs as j on j.key = 'oncebox:' || n.id`.execute(db);
    expect(rows).toEqual([{ leads: 50, notifications: 100, jobs: 100 }]);
  });
});

describe("2. Nothing is sent before that commit, and a claim is committed before the first byte goes to a provider", () => {
  test("a worker does not see a lead whose transaction is still open", async ({
    db,
    gateways,
    startWorker,
  }) => {
    const worker = await startWorker();
    await db.transaction().execute(async (tx) => {
      await registerLeads(tx, makeLeads(1));
      // Another one goes through meanwhile: the worker had every chance.
      await register(
        db,
        makeLeads(1, { phone: "+77019999999", email: null, idempotencyKey: "other" }),
      );
      await until("the other one is sent", async () => (await countStates(db)).sent === 1);
      expect((await gateways.messages()).sms.map((it) => it.to)).toEqual(["77019999999"]);
    });
    await until("all are sent", async () => (await countStates(db)).sent === 3);

    expect(worker.lines.filter((it) => it.level === "error")).toEqual([]);
  });

  for (const mode of ["campaign", "message"] as const) {
    test(`the claim is there for everyone to see while the provider is being asked (${mode} mode)`, async ({
      db,
      gateways,
      startWorker,
    }) => {
      await gateways.set({ delayMs: 1_500 });
      await startWorker({ MOBIZON_SEND_MODE: mode });
      await register(db, makeLeads(1, { email: null }));
      // About this lead, and not only what is left on the account.
      await until("the provider is asked", async () =>
        (await gateways.requests()).recent.some((it) => it.name !== undefined),
      );

      const { rows } = await sql`
        select n.state, l.sms_sent, l.sms_sent_at, a.outcome
          from oncebox.notification as n
          join public.landing_leads as l on l.id = n.lead_id
          join oncebox.attempt as a on a.notification_id = n.id`.execute(db);
      expect(rows).toEqual([
        { state: "claimed", sms_sent: true, sms_sent_at: null, outcome: null },
      ]);
    });
  }
});

describe("3. After a send that was accepted, or that may have been, nothing is sent again", () => {
  const answers = [
    { answer: "reset" },
    { answer: "close" },
    { answer: "half" },
    { answer: "garbage" },
    { answer: "http", status: 502 },
    { answer: "code", code: 999 },
    { answer: "never" },
  ] as const;
  for (const fault of answers) {
    for (const accept of [true, false]) {
      const what = `${fault.answer}${"status" in fault ? ` ${fault.status}` : ""}${"code" in fault ? ` ${fault.code}` : ""}`;
      test(`when the provider ${accept ? "took" : "did not take"} the SMS and answered: ${what}`, async ({
        db,
        gateways,
        startWorker,
      }) => {
        await gateways.addSmsFault({
          match: { method: "message/sendSmsMessage" },
          fault: { accept, ...fault },
        });
        await startWorker({
          MOBIZON_SEND_MODE: "message",
          ONCEBOX_SEND_TIMEOUT: "2 seconds",
          ONCEBOX_LEASE: "20 seconds",
        });
        await register(db, makeLeads(1, { email: null }));

        // Wakes it again and again, and asks the provider without waiting in between.
        const hurry = sql`
          update oncebox.channel set paused_until = null, pause_reason = null;
          update oncebox.notification set look_up_at = now() where look_up_at is not null;
          select oncebox.wake(array(select id from oncebox.notification)), oncebox.sweep()`;
        await until("it is sent", async () => {
          await hurry.execute(db);
          return (await countStates(db)).sent === 1;
        });

        expect((await gateways.messages()).sms).toHaveLength(1);
        const { rows } = await sql<{ attempts: number; absent: number; found: number }>`
          select (select count(*)::integer from oncebox.attempt) as attempts,
                 (select count(*)::integer from oncebox.lookup where finding = 'absent') as absent,
                 (select count(*)::integer from oncebox.lookup where finding = 'sent') as found`.execute(
          db,
        );
        // Once is a record; not at all has to be seen three times, after the send cannot be under way any more.
        if (accept) expect(rows[0]).toMatchObject({ attempts: 1, found: 1 });
        else {
          expect(rows[0]).toMatchObject({ attempts: 2, found: 0 });
          expect(rows[0]?.absent).toBeGreaterThanOrEqual(3);
        }
      });
    }
  }

  for (const accept of [true, false]) {
    test(`when the mail server ${accept ? "kept" : "dropped"} the message and fell silent after the dot`, async ({
      db,
      gateways,
      startWorker,
    }) => {
      await gateways.addEmailFault({ fault: { at: "dot", accept, answer: "close" } });
      await startWorker();
      await register(db, makeLeads(1, { phone: null }));
      await until("it is in doubt", async () => (await countStates(db)).unknown === 1);

      expect((await gateways.messages()).email).toHaveLength(accept ? 1 : 0);
    });
  }

  test("and a campaign that went out unheard is found again by its id instead of made a second time", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.addSmsFault({
      match: { method: "campaign/send" },
      fault: { accept: true, answer: "reset" },
    });
    await startWorker();
    await register(db, makeLeads(1, { email: null }));
    await until("it is sent", async () => (await countStates(db)).sent === 1);

    expect((await gateways.messages()).sms).toHaveLength(1);
    expect((await gateways.requests()).counts).toMatchObject({
      "campaign/create": { "0": 1 },
      "campaign/getInfo": { "0": 1 },
    });
  });
});

describe("4. Every notification ends sent, failed or cancelled, or is unknown where a person sees it", () => {
  test("under faults of every kind, with a worker killed in the middle of its sends", async ({
    db,
    gateways,
    startWorker,
  }) => {
    const plan = { seed: 7, rate: 0.3 };
    await gateways.addSmsFault(plan);
    await gateways.addEmailFault(plan);
    const env = { ONCEBOX_SEND_TIMEOUT: "2 seconds", ONCEBOX_LEASE: "13 seconds" };
    const doomed = await startWorker(env);
    await register(db, makeLeads(40));
    await until("it is at work", async () => ((await countStates(db)).sent ?? 0) > 5);
    doomed.child.kill("SIGKILL");
    await doomed.ended;
    await gateways.clearFaults();
    await startWorker(env);
    const hurry = sql`
      update oncebox.notification set lease_until = now() where state = 'claimed' and lease_until < now() + interval '9 seconds';
      update oncebox.notification set due_at = now() where state = 'pending' and due_at > now();
      update oncebox.channel set paused_until = null, pause_reason = null where paused_until is not null;
      select oncebox.wake(array(select id from oncebox.notification where state = 'pending'))`;
    await until("all have come to an end", async () => {
      await hurry.execute(db);
      const { pending = 0, claimed = 0 } = await countStates(db);
      await sleep(200);
      return pending + claimed === 0;
    });

    // The states first: reconcile may yet find that an unknown one never went out, and send it.
    const { rows } = await sql<{ sent: number; shown: number; unknown: number }>`
      select (select count(*)::integer from oncebox.notification where state = 'sent') as sent,
             (select unknown::integer from oncebox.health) as shown,
             (select count(*)::integer from oncebox.notification where state = 'unknown') as unknown`.execute(
      db,
    );
    const { sms, email } = await gateways.messages();
    expect(Math.max(...Object.values(tally(sms.map((it) => it.to))))).toBe(1);
    expect(Math.max(...Object.values(tally(email.map((it) => it.to[0] ?? ""))))).toBe(1);
    // What the ledgers hold is sent, or in doubt; nothing is said to be sent that is not there.
    expect(rows[0]?.shown).toBe(rows[0]?.unknown);
    expect(sms.length + email.length).toBeGreaterThanOrEqual(rows[0]?.sent ?? 0);
    expect(sms.length + email.length).toBeLessThanOrEqual(
      (rows[0]?.sent ?? 0) + (rows[0]?.unknown ?? 0),
    );
  });
});

describe("5. Only the holder of the current attempt number can settle", () => {
  for (const state of STATES) {
    test(`a stalled worker's late refusal does not move a notification that is ${state} in a later attempt`, async ({
      db,
    }) => {
      const id = await makeNotification(db, { state, attempt: 2 });
      await sql`update oncebox.attempt set outcome = 'swept' where attempt = 1`.execute(db);

      const late = await settle(
        db,
        { notificationId: id, attempt: 1 },
        { kind: "rejected", code: "late", detail: "" },
        { failures: 0, pauses: 0 },
      );

      expect(late.moved).toBe(false);
      expect(await stateOf(db, id)).toBe(state);
      expect((await outcomesOf(db, id))[0]).toBe("rejected");
    });
  }
});

describe("6. The job is only a wake-up", () => {
  test("deleting every job delays notifications and loses none", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await register(db, makeLeads(30, { dueAt: new Date(Date.now() - 60_000) }));
    await sql`delete from graphile_worker._private_jobs`.execute(db);
    await startWorker();
    await until("all are sent", async () => (await countStates(db)).sent === 60);

    const { sms, email } = await gateways.messages();
    expect([sms.length, email.length]).toEqual([30, 30]);
  });
});
