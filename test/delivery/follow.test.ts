import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import { noteDeliveries, takeDeliveries } from "../../src/outbox/deliveries.ts";
import type { NotificationId } from "../../src/outbox/notification.ts";
import type { Channel, DeliveryReport, SendOutcome } from "../../src/outbox/outcome.ts";
import { resolve } from "../../src/outbox/person.ts";
import { reconcile, takeLookups } from "../../src/outbox/reconcile.ts";
import { settle } from "../../src/outbox/settle.ts";
import { takeWebhook } from "../../src/outbox/webhook.ts";
import { follow } from "../../src/tasks/deliveries.ts";
import { makeNotification, stateOf } from "../support/make.ts";
import { until } from "../support/until.ts";
import { deliveryOf, hurry, makeFollowed, test } from "./support/fixture.ts";

const NEVER = new AbortController().signal;
const HISTORY = { failures: 0, pauses: 0 };

function told(
  delivery: string,
  more: Partial<DeliveryReport> = {},
): Omit<DeliveryReport, "messageId"> {
  return { delivery, detail: null, segments: null, price: null, ...more };
}

/** A provider that tells this of every message it is asked for. */
function channelThatTells(answer: ReturnType<typeof told> | null): Channel & { asked: string[][] } {
  const asked: string[][] = [];
  return {
    asked,
    send: () => Promise.reject(new Error("nothing is sent here")),
    close: async () => {},
    trackDeliveries: async (keys) => {
      asked.push(keys.map((it) => it.messageId));
      const value = answer === null ? [] : keys.map((it) => ({ ...answer, ...it }));
      return { ok: true, value };
    },
  };
}

async function accept(
  db: Kysely<unknown>,
  id: NotificationId,
  more: Partial<Extract<SendOutcome, { kind: "accepted" }>> = {},
): Promise<void> {
  const outcome = { kind: "accepted", providerRef: "200", campaignId: "100", ...more } as const;
  await settle(db, { notificationId: id, attempt: 1 }, outcome, HISTORY);
}

async function note(
  db: Kysely<unknown>,
  id: NotificationId,
  report: ReturnType<typeof told>,
): Promise<string[]> {
  const key = { messageId: "200", campaignId: "100" };
  const moved = await noteDeliveries(
    db,
    [{ notificationId: id, key }],
    [{ ...report, messageId: "200" }],
  );
  return moved.map((it) => it.delivery);
}

describe("an SMS that became sent", () => {
  test("by its worker is asked about half a minute later, an email never", async ({ db }) => {
    const sms = await makeNotification(db, { state: "claimed", draft: true });
    const email = await makeNotification(db, { state: "claimed", channel: "email" });
    await accept(db, sms);
    await accept(db, email, { providerRef: "queue-id" });

    const { lookInMs } = await deliveryOf(db, sms);
    expect(lookInMs).toBeGreaterThan(25_000);
    expect(lookInMs).toBeLessThanOrEqual(30_000);
    expect(await deliveryOf(db, email)).toMatchObject({ state: "sent", lookInMs: null });
  });

  test("by the provider's record, or by a person, is followed too", async ({ db }) => {
    const found = await makeNotification(db, { state: "unknown" });
    const [doubt] = await takeLookups(db, ["sms"], 1);
    if (doubt === undefined) throw new Error("nothing in doubt");
    const sent = { kind: "sent", providerRef: "300", campaignId: "301" } as const;
    await reconcile(db, doubt, "00000000-0000-4000-8000-000000000000", sent);
    const told = await makeNotification(db, { state: "unknown", draft: true });
    await resolve(db, { notificationId: told, actor: "test", reason: "seen" }, "sent");
    const without = await makeNotification(db, { state: "unknown" });
    await resolve(db, { notificationId: without, actor: "test", reason: "seen" }, "sent");

    expect((await deliveryOf(db, found)).lookInMs).toBeGreaterThan(25_000);
    expect((await deliveryOf(db, told)).lookInMs).toBeGreaterThan(25_000);
    // Nobody knows what to ask for.
    expect((await deliveryOf(db, without)).lookInMs).toBeNull();
  });

  test("in message mode is asked for by what sendSmsMessage answered", async ({ db }) => {
    const id = await makeNotification(db, { state: "claimed" });
    await settle(
      db,
      { notificationId: id, attempt: 1 },
      { kind: "accepted", providerRef: "777" },
      HISTORY,
    );
    await hurry(db);

    expect(await takeDeliveries(db, "sms", 10)).toEqual([
      { notificationId: id, key: { messageId: "777", campaignId: null } },
    ]);
  });

  test("failed or pending is not followed", async ({ db }) => {
    const failed = await makeNotification(db, { state: "claimed", draft: true });
    await settle(
      db,
      { notificationId: failed, attempt: 1 },
      { kind: "rejected", code: "no", detail: "" },
      HISTORY,
    );

    expect(await deliveryOf(db, failed)).toMatchObject({ state: "failed", lookInMs: null });
  });
});

describe("a delivery", () => {
  test("moves forward only, whatever order it is told in", async ({ db }) => {
    const id = await makeFollowed(db);
    const order = ["ACCEPTD", "NEW", "ENQUEUD", "moderation", "ACCEPTD", "PDLIVRD", "SOMETHING"];

    const moves: string[] = [];
    for (const it of [...order, "UNDELIV", "ACCEPTD", "DELIVRD", "moderation"]) {
      moves.push(...(await note(db, id, told(it))));
    }

    expect(moves).toEqual(["ACCEPTD", "PDLIVRD", "UNDELIV"]);
    expect(await deliveryOf(db, id)).toMatchObject({ state: "sent", delivery: "UNDELIV" });
  });

  test("changes no state, no flag and no attempt, and makes no job", async ({ db }) => {
    const id = await makeFollowed(db);
    const before = await sql`
      select n.state, n.attempt, n.due_at, l.sms_sent, (select count(*) from graphile_worker.jobs) as jobs
        from oncebox.notification as n join public.landing_leads as l on l.id = n.lead_id`.execute(
      db,
    );

    for (const it of ["NEW", "REJECTD"]) await note(db, id, told(it));

    const after = await sql`
      select n.state, n.attempt, n.due_at, l.sms_sent, (select count(*) from graphile_worker.jobs) as jobs
        from oncebox.notification as n join public.landing_leads as l on l.id = n.lead_id`.execute(
      db,
    );
    expect(after.rows).toEqual(before.rows);
  });

  test("ends with the provider's price, times its parts", async ({ db }) => {
    const id = await makeFollowed(db);
    await note(db, id, told("DELIVRD", { segments: 3, price: "11.5" }));

    expect(await deliveryOf(db, id)).toMatchObject({
      ...{ delivery: "DELIVRD", segments: 3, cost: "34.5000", lookInMs: null, checks: 1 },
    });
    const { rows } = await sql`
      select segment_price::float8 as price from oncebox.channel where channel = 'sms'`.execute(db);
    expect(rows).toEqual([{ price: 11.5 }]);
  });

  test("that ended without a price is asked about for a day more", async ({ db }) => {
    const id = await makeFollowed(db);
    await note(db, id, told("DELIVRD", { segments: 1 }));
    expect((await deliveryOf(db, id)).lookInMs).toBeGreaterThan(0);

    await sql`update oncebox.notification set settled_at = now() - interval '25 hours'`.execute(db);
    await note(db, id, told("DELIVRD"));
    expect(await deliveryOf(db, id)).toMatchObject({
      ...{ delivery: "DELIVRD", cost: null, lookInMs: null, hasNoReport: false },
    });
  });

  test("that a moderator declined is final, with the moderator's words, and shown to people", async ({
    db,
  }) => {
    const id = await makeFollowed(db, { delivery: "moderation" });
    await note(db, id, told("DECLINED", { detail: "advertising" }));

    expect(await deliveryOf(db, id)).toMatchObject({
      ...{ state: "sent", delivery: "DECLINED", detail: "advertising", lookInMs: null },
    });
    const { rows } = await sql`
      select undelivered, undelivered_24h, in_moderation, no_report from oncebox.health`.execute(
      db,
    );
    expect(rows).toEqual([
      { undelivered: "1", undelivered_24h: "1", in_moderation: "0", no_report: "0" },
    ]);
    const history = await sql`
      select event, detail from oncebox.lead_history where event like 'delivery %'`.execute(db);
    expect(history.rows).toEqual([{ event: "delivery DECLINED", detail: "advertising" }]);
    const days = await sql`select sent, declined, delivered from oncebox.deliveries`.execute(db);
    expect(days.rows).toEqual([{ sent: "1", declined: "1", delivered: "0" }]);
  });

  test("of an erased person is still written down, without anybody's words", async ({ db }) => {
    const id = await makeFollowed(db);
    await sql`select oncebox.erase_lead(lead_id, 'test') from oncebox.notification`.execute(db);
    await note(db, id, told("DECLINED", { detail: "the text said Айгерим" }));

    expect(await deliveryOf(db, id)).toMatchObject({ delivery: "DECLINED", detail: null });
  });

  test("is forgotten in what it said when its person is erased", async ({ db }) => {
    const id = await makeFollowed(db);
    await note(db, id, told("DECLINED", { detail: "the text said Айгерим" }));
    await sql`select oncebox.erase_lead(lead_id, 'test') from oncebox.notification`.execute(db);

    expect(await deliveryOf(db, id)).toMatchObject({ delivery: "DECLINED", detail: null });
  });
});

describe("asking", () => {
  test("slows down with age, and is given up after three days as without a report", async ({
    db,
  }) => {
    const id = await makeFollowed(db);
    const waits: (number | null)[] = [];
    for (const age of ["0 s", "1 min", "10 min", "2 h", "10 h", "2 d", "71 h"]) {
      await sql`update oncebox.notification set settled_at = now() - ${age}::interval`.execute(db);
      await note(db, id, told("ACCEPTD"));
      const { lookInMs } = await deliveryOf(db, id);
      waits.push(lookInMs === null ? null : Math.round(lookInMs / 1_000));
    }
    const seconds = [30, 60, 600, 7_200, 10_800, 10_800, 10_800];
    expect(waits.map((it, index) => Math.abs((it ?? 0) - (seconds[index] ?? 0)) <= 2)).toEqual(
      seconds.map(() => true),
    );

    await sql`update oncebox.notification set settled_at = now() - interval '73 hours'`.execute(db);
    await note(db, id, told("ACCEPTD"));
    expect(await deliveryOf(db, id)).toMatchObject({
      ...{ state: "sent", delivery: "ACCEPTD", lookInMs: null, hasNoReport: true, checks: 8 },
    });
    const { rows } = await sql`select no_report, undelivered from oncebox.health`.execute(db);
    expect(rows).toEqual([{ no_report: "1", undelivered: "0" }]);
  });

  test("takes 100 a call, and goes on at once while there are more", async ({ db, log }) => {
    for (let index = 0; index < 3; index++) await makeFollowed(db);
    await sql`
      insert into public.landing_leads (name) select 'x' from generate_series(1, 240)`.execute(db);
    await sql`
      insert into oncebox.notification (lead_id, channel, recipient, state, settled_at, message_id, campaign_id, delivery_look_at)
      select l.id, 'sms', '+77771234567', 'sent', now(), (1000 + row_number() over ())::text, '1', now()
        from public.landing_leads as l where l.name = 'x'`.execute(db);
    const sms = channelThatTells(told("DELIVRD", { price: "1", segments: 1 }));
    const deps = { db, channels: { sms }, sendTimeoutMs: 5_000, log };

    const ends: string[] = [];
    while (ends.at(-1) !== "done") ends.push(await follow(deps, "sms", NEVER));

    expect(sms.asked.map((it) => it.length)).toEqual([100, 100, 43]);
    expect(ends).toEqual(["more", "more", "done"]);
    expect(new Set(sms.asked.flat()).size).toBe(241);
  });

  test("by many workers at once asks for each message once", async ({ db, log }) => {
    await sql`insert into public.landing_leads (name) select 'x' from generate_series(1, 300)`.execute(
      db,
    );
    await sql`
      insert into oncebox.notification (lead_id, channel, recipient, state, settled_at, message_id, campaign_id, delivery_look_at)
      select l.id, 'sms', '+77771234567', 'sent', now(), (1000 + row_number() over ())::text, '1', now()
        from public.landing_leads as l`.execute(db);
    const sms = channelThatTells(told("ACCEPTD"));
    const deps = { db, channels: { sms }, sendTimeoutMs: 5_000, log };

    await Promise.all(Array.from({ length: 6 }, () => follow(deps, "sms", NEVER)));

    expect(sms.asked.flat()).toHaveLength(300);
    expect(new Set(sms.asked.flat()).size).toBe(300);
  });

  test("of what the provider does not tell is no end: it is asked again", async ({ db, log }) => {
    const id = await makeFollowed(db);
    const deps = { db, channels: { sms: channelThatTells(null) }, sendTimeoutMs: 5_000, log };

    expect(await follow(deps, "sms", NEVER)).toBe("done");

    const row = await deliveryOf(db, id);
    expect(row).toMatchObject({ delivery: null, checks: 1 });
    expect(row.lookInMs).toBeGreaterThan(25_000);
  });

  test("in vain changes nothing, whatever is wrong with the provider, and is done later", async ({
    db,
    mobizon,
    sms,
    log,
  }) => {
    const deps = { db, channels: { sms }, sendTimeoutMs: 5_000, log };
    const id = await makeFollowed(db, { delivery: "ACCEPTD" });
    for (const fault of [
      { accept: false, answer: "code", code: 30 },
      { accept: false, answer: "reset" },
      { accept: false, answer: "garbage" },
      { accept: false, answer: "code", code: 8 },
    ] as const) {
      await hurry(db);
      mobizon.addFault({ match: { method: "message/getSMSStatus" }, fault });

      expect(await follow(deps, "sms", NEVER)).toBe("failed");

      const row = await deliveryOf(db, id);
      expect(row).toMatchObject({ state: "sent", delivery: "ACCEPTD", checks: 0 });
      expect(row.lookInMs).toBeGreaterThan(60_000);
    }
    const { rows } = await sql`select paused_until from oncebox.channel`.execute(db);
    expect(rows).toEqual([{ paused_until: null }, { paused_until: null }]);
  });

  test("waits while the channel is paused, but not for money", async ({ db, log }) => {
    await makeFollowed(db);
    const sms = channelThatTells(told("ACCEPTD"));
    const deps = { db, channels: { sms }, sendTimeoutMs: 5_000, log };
    await sql`select oncebox.pause_channel('sms', interval '1 hour', 'mobizon_8', 0)`.execute(db);

    await follow(deps, "sms", NEVER);
    expect(sms.asked).toEqual([]);

    await sql`update oncebox.channel set pause_reason = 'balance' where channel = 'sms'`.execute(
      db,
    );
    await follow(deps, "sms", NEVER);
    expect(sms.asked).toEqual([["200"]]);
  });
});

describe("a webhook's one effect", () => {
  const event = { attempt: 1, created: "2026-01-15 11:42:28", campaignId: "100" };

  test("is a look now, once, however many there are and whatever they say", async ({ db }) => {
    const id = await makeFollowed(db);
    await sql`update oncebox.notification set delivery_look_at = now() + interval '1 hour'`.execute(
      db,
    );
    const verdicts: string[] = [];
    for (let eventId = 1; eventId <= 3; eventId++) {
      verdicts.push(
        await takeWebhook(db, { ...event, eventId, messageId: "200", status: "UNDELIV" }),
      );
    }

    expect(verdicts).toEqual(["taken", "taken", "taken"]);
    expect(await deliveryOf(db, id)).toMatchObject({ state: "sent", delivery: null, checks: 0 });
    expect(await takeDeliveries(db, "sms", 10)).toHaveLength(1);
    expect(await takeDeliveries(db, "sms", 10)).toHaveLength(0);
  });

  test("is none the second time, a month later too", async ({ db }) => {
    await makeFollowed(db);
    const webhook = { ...event, eventId: 26, messageId: "200", status: "DELIVRD" };
    await takeWebhook(db, webhook);
    await sql`
      update oncebox.webhook_event set received_at = now() - interval '31 days';
      update oncebox.notification set delivery_look_at = now() + interval '1 hour'`.execute(db);

    expect(await takeWebhook(db, { ...webhook, attempt: 2, messageId: "200" })).toBe("repeated");
    expect(await takeDeliveries(db, "sms", 10)).toEqual([]);
  });

  test("waits for a message that is not known yet, and is found when that is settled", async ({
    db,
  }) => {
    const id = await makeNotification(db, { state: "claimed" });
    const early = { ...event, eventId: 27, messageId: "200", status: "DELIVRD" };
    expect(await takeWebhook(db, early)).toBe("kept");
    expect(await stateOf(db, id)).toBe("claimed");

    await accept(db, id);

    expect(await takeDeliveries(db, "sms", 10)).toMatchObject([{ notificationId: id }]);
  });

  test("has an outcome in doubt looked up now, and decides nothing itself", async ({ db }) => {
    const id = await makeNotification(db, { state: "unknown", draft: true });
    await sql`update oncebox.notification set look_up_at = now() + interval '1 hour'`.execute(db);

    const verdict = await takeWebhook(db, {
      ...event,
      eventId: 28,
      messageId: "200",
      status: "DELIVRD",
    });

    expect(verdict).toBe("taken");
    expect(await stateOf(db, id)).toBe("unknown");
    expect(await takeLookups(db, ["sms"], 10)).toMatchObject([{ notificationId: id }]);
  });

  test("is nothing for one that is not sent yet, or never will be: nothing is sent by it", async ({
    db,
  }) => {
    for (const state of ["pending", "claimed", "failed", "cancelled"] as const) {
      await makeNotification(db, { state, dueInMs: 60_000 });
    }
    await sql`
      update oncebox.notification set campaign_id = '100', message_id = '200'`.execute(db);
    const before = await sql`select *, xmin from oncebox.notification order by id`.execute(db);

    const webhook = { ...event, eventId: 29, messageId: "200", status: "UNDELIV" };
    expect(await takeWebhook(db, webhook)).toBe("kept");

    const after = await sql`select *, xmin from oncebox.notification order by id`.execute(db);
    expect(after.rows).toEqual(before.rows);
  });

  test("does not wait for a row that somebody holds, and is kept", async ({ db, pool }) => {
    await makeFollowed(db);
    const other = await pool.connect();
    await other.query("begin; select from oncebox.notification for update");
    const startedAt = performance.now();

    const webhook = { ...event, eventId: 30, messageId: "200", status: "DELIVRD" };
    const verdict = await takeWebhook(db, webhook);

    await other.query("rollback");
    other.release();
    expect(verdict).toBe("kept");
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(await takeWebhook(db, webhook)).toBe("repeated");
  });

  test("keeps no number", async ({ db }) => {
    await takeWebhook(db, { ...event, eventId: 31, messageId: "200", status: "DELIVRD" });

    const { rows } = await sql<object>`select * from oncebox.webhook_event`.execute(db);
    expect(Object.keys(rows[0] ?? {}).sort()).toEqual(
      ["attempt", "campaign_id", "created", "event_id", "message_id", "provider"].concat([
        "received_at",
        "status",
      ]),
    );
  });
});

describe("what the provider's record says", () => {
  async function send(sms: Channel, db: Kysely<unknown>, recipient: string, body = "Привет") {
    const id = await makeNotification(db, { state: "claimed" });
    const outcome = await sms.send(
      {
        ...{ notificationId: id, attempt: 1, recipient, subject: null, body },
        ...{ reference: `oncebox-00000000-${id}`, draft: null },
      },
      { signal: AbortSignal.timeout(5_000), mayStillSend: () => true, keepDraft: async () => true },
    );
    await settle(db, { notificationId: id, attempt: 1 }, outcome, HISTORY);
    return id;
  }

  const endings = { "0001": "DELIVRD", "9991": "UNDELIV", "9992": "REJECTD", "9993": "EXPIRED" };
  test("ends where people see it, with its parts and its price", async ({
    db,
    mobizon: _,
    sms,
    log,
  }) => {
    const deps = { db, channels: { sms }, sendTimeoutMs: 5_000, log };
    for (const [suffix, delivery] of Object.entries(endings)) {
      const id = await send(sms, db, `+7701000${suffix}`);
      await until(`it is ${delivery}`, async () => {
        await hurry(db);
        await follow(deps, "sms", NEVER);
        return (await deliveryOf(db, id)).delivery === delivery;
      });
      expect(await deliveryOf(db, id)).toMatchObject({
        ...{ state: "sent", segments: 1, cost: "11.0000", lookInMs: null },
      });
    }

    const failures = log.lines.filter((it) => it.msg === "delivery:failed");
    expect(failures.map((it) => it.delivery)).toEqual(["UNDELIV", "REJECTD", "EXPIRED"]);
    expect(JSON.stringify(log.lines)).not.toContain("7701000");
    const { rows } = await sql`
      select sent, delivered, undeliverable, rejected, expired, on_the_way from oncebox.deliveries`.execute(
      db,
    );
    expect(rows).toEqual([
      {
        ...{ sent: "4", delivered: "1", undeliverable: "1", rejected: "1", expired: "1" },
        on_the_way: "0",
      },
    ]);
    const cost = await sql`select cost::float8 as cost, estimated from oncebox.sms_cost`.execute(
      db,
    );
    expect(cost.rows).toEqual([{ cost: 44, estimated: null }]);
  });

  test("of a moderator who takes it is followed to the phone", async ({
    db,
    mobizon,
    sms,
    log,
  }) => {
    mobizon.set({ moderation: "approve", moderationMs: 60_000 });
    const deps = { db, channels: { sms }, sendTimeoutMs: 5_000, log };
    const id = await send(sms, db, "+77010000001");
    await hurry(db);
    await follow(deps, "sms", NEVER);
    expect(await deliveryOf(db, id)).toMatchObject({ delivery: "moderation", checks: 1 });

    mobizon.set({ moderation: "approve", moderationMs: 0 });
    const next = await send(sms, db, "+77010000002");
    await until("it is delivered", async () => {
      await hurry(db);
      await follow(deps, "sms", NEVER);
      return (await deliveryOf(db, next)).delivery === "DELIVRD";
    });
    expect(await deliveryOf(db, id)).toMatchObject({ delivery: "moderation" });
  });

  test("of a moderator who declines it comes with the reason, and no price is waited for", async ({
    db,
    mobizon,
    sms,
    log,
  }) => {
    mobizon.set({ moderation: "decline", moderationMs: 0 });
    const deps = { db, channels: { sms }, sendTimeoutMs: 5_000, log };
    const id = await send(sms, db, "+77010000001");
    await until("it is declined", async () => {
      await hurry(db);
      await follow(deps, "sms", NEVER);
      return (await deliveryOf(db, id)).delivery === "DECLINED";
    });

    expect(await deliveryOf(db, id)).toMatchObject({
      ...{ detail: "Declined by the sandbox's moderator", lookInMs: null, cost: null },
    });
    expect(mobizon.messages()).toEqual([]);
  });

  test("is read by the campaign where only that is known", async ({ db, mobizon: _, sms, log }) => {
    const deps = { db, channels: { sms }, sendTimeoutMs: 5_000, log };
    const id = await send(sms, db, "+77010000001");
    await sql`
      update oncebox.notification
         set message_id = 'campaign ' || campaign_id, provider_ref = 'campaign ' || campaign_id`.execute(
      db,
    );
    await until("it is delivered", async () => {
      await hurry(db);
      await follow(deps, "sms", NEVER);
      return (await deliveryOf(db, id)).delivery === "DELIVRD";
    });
    expect(await deliveryOf(db, id)).toMatchObject({ cost: "11.0000" });
  });

  test("is read of a hundred at once, however long their texts are", async ({
    db,
    mobizon: _,
    sms,
    log,
  }) => {
    const deps = { db, channels: { sms }, sendTimeoutMs: 5_000, log };
    const body = "ж".repeat(1_000);
    for (let index = 0; index < 60; index++) {
      await send(sms, db, `+7701000${String(index).padStart(4, "0")}`, body);
    }
    await until("all are paid for", async () => {
      await hurry(db);
      await follow(deps, "sms", NEVER);
      const { rows } = await sql`
        select from oncebox.notification where delivery = 'DELIVRD' and segments = 15 and cost = 165`.execute(
        db,
      );
      return rows.length === 60;
    });
    expect(log.lines.filter((it) => it.level >= 40)).toEqual([]);
  });

  test("is believed without its price when the list cannot be read", async ({
    db,
    mobizon,
    sms,
    log,
  }) => {
    const deps = { db, channels: { sms }, sendTimeoutMs: 5_000, log };
    mobizon.addFault({
      match: { method: "message/list" },
      times: "always",
      fault: { accept: false, answer: "http", status: 502 },
    });
    const id = await send(sms, db, "+77010000001");
    await until("it is delivered", async () => {
      await hurry(db);
      await follow(deps, "sms", NEVER);
      return (await deliveryOf(db, id)).delivery === "DELIVRD";
    });
    expect((await deliveryOf(db, id)).lookInMs).toBeGreaterThan(0);

    mobizon.clearFaults();
    await hurry(db);
    await follow(deps, "sms", NEVER);
    expect(await deliveryOf(db, id)).toMatchObject({ cost: "11.0000", lookInMs: null });
  });
});
