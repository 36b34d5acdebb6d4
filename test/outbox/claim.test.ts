import { sql } from "kysely";
import { describe, expect } from "vitest";
import type { NotificationId } from "../../src/outbox/notification.ts";
import { settle } from "../../src/outbox/settle.ts";
import { test } from "../support/fixture.ts";
import {
  claimAs,
  jobsOf,
  keepDraftOf,
  makeLead,
  makeNotification,
  outcomesOf,
  rowOf,
  stateOf,
} from "../support/make.ts";

const HISTORY = { failures: 0, pauses: 0 };
const ACCEPTED = { kind: "accepted", providerRef: "200" } as const;

describe("claim", () => {
  test("gives one of fifty racing for one notification the attempt, and the others nothing", async ({
    db,
  }) => {
    const id = await makeNotification(db);

    const claims = await Promise.all(Array.from({ length: 50 }, () => claimAs(db, id)));

    expect(claims.filter((it) => it !== null)).toMatchObject([
      { verdict: "claimed", message: { attempt: 1 } },
    ]);
    expect(await rowOf(db, id)).toMatchObject({ state: "claimed", flag: true, hasFlagTime: false });
  });

  test("claims a lead's SMS and email side by side", async ({ db }) => {
    const leadId = await makeLead(db);
    const sms = await makeNotification(db, { leadId, channel: "sms" });
    const email = await makeNotification(db, { leadId, channel: "email" });

    const claims = await Promise.all([claimAs(db, sms), claimAs(db, email)]);

    expect(claims).toMatchObject([{ channel: "sms" }, { channel: "email" }]);
  });

  test("respects an old backend that set the flag itself, however closely they race", async ({
    db,
  }) => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => makeNotification(db)));

    const races = await Promise.all(
      ids.map(async (id) => {
        const [claimed, old] = await Promise.all([
          claimAs(db, id),
          sql`update public.landing_leads set sms_sent = true
               where id = (select lead_id from oncebox.notification where id = ${id}::bigint)
                 and sms_sent = false
              returning id`.execute(db),
        ]);
        return { ours: claimed?.verdict === "claimed", theirs: old.rows.length === 1 };
      }),
    );

    for (const { ours, theirs } of races) expect(ours).not.toBe(theirs);
  });

  test("tells one that the old backend was faster, and keeps the lead's flag", async ({ db }) => {
    const leadId = await makeLead(db);
    await sql`update public.landing_leads set sms_sent = true`.execute(db);
    const id = await makeNotification(db, { leadId });

    expect(await claimAs(db, id)).toMatchObject({ verdict: "already_sent" });
    expect(await rowOf(db, id)).toMatchObject({
      state: "cancelled",
      stateReason: "already_sent",
      flag: true,
    });
  });

  test("takes a flag that is null in an adopted table for not set", async ({ db }) => {
    await sql`alter table public.landing_leads alter column sms_sent drop not null`.execute(db);
    const leadId = await makeLead(db);
    await sql`update public.landing_leads set sms_sent = null`.execute(db);
    const id = await makeNotification(db, { leadId });

    expect(await claimAs(db, id)).toMatchObject({ verdict: "claimed" });
  });

  test("renders the text once and keeps it, so that every attempt says the same", async ({
    db,
  }) => {
    const id = await makeNotification(db, { body: null });

    const first = await claimAs(db, id);
    await sql`update oncebox.template set body = 'something else' where channel = 'sms'`.execute(
      db,
    );
    await sql`select oncebox.release(${id}::bigint, 1, 'test')`.execute(db);
    const second = await claimAs(db, id);

    expect(first).toMatchObject({ message: { body: expect.stringContaining("Айгерим") } });
    expect(
      second?.verdict === "claimed" && first?.verdict === "claimed" && second.message.body,
    ).toBe(first?.verdict === "claimed" ? first.message.body : null);
  });

  test("waits while the channel is paused, with a wake-up for the time after, and uses up nothing", async ({
    db,
  }) => {
    const id = await makeNotification(db);
    await sql`update oncebox.channel set paused_until = now() + interval '1 minute', pause_reason = 'test' where channel = 'sms'`.execute(
      db,
    );

    expect(await claimAs(db, id)).toMatchObject({ verdict: "paused" });
    expect(await rowOf(db, id)).toMatchObject({ state: "pending", attempt: 0, flag: false });
    const [job] = await jobsOf(db, id);
    expect(job?.runAt.getTime()).toBeGreaterThan(Date.now() + 50_000);
  });

  test("lets one try whether a paused channel is well again, and opens it for all once that one got through", async ({
    db,
  }) => {
    const ids = await Promise.all([
      makeNotification(db),
      makeNotification(db),
      makeNotification(db),
    ]);
    await sql`update oncebox.channel set paused_until = now() - interval '1 second', pause_reason = 'test', pauses = 3 where channel = 'sms'`.execute(
      db,
    );

    const claims = await Promise.all(ids.map((id) => claimAs(db, id)));
    const probe = claims.findIndex((it) => it?.verdict === "claimed");
    const key = { notificationId: ids[probe] as NotificationId, attempt: 1 };
    await settle(db, key, ACCEPTED, { failures: 0, pauses: 3 });
    const later = await Promise.all(
      ids.filter((_, index) => index !== probe).map((id) => claimAs(db, id)),
    );

    expect(claims.filter((it) => it?.verdict === "claimed")).toHaveLength(1);
    expect(later).toMatchObject([{ verdict: "claimed" }, { verdict: "claimed" }]);
  });
});

describe("the fence", () => {
  test("lets only the holder of the current attempt settle, and keeps what the other learned", async ({
    db,
  }) => {
    const id = await makeNotification(db, { state: "claimed", attempt: 2 });
    await sql`update oncebox.attempt set outcome = 'swept' where attempt = 1`.execute(db);

    const late = await settle(
      db,
      { notificationId: id, attempt: 1 },
      { kind: "rejected", code: "x", detail: "" },
      HISTORY,
    );

    expect(late).toEqual({ moved: false, state: "claimed" });
    expect(await stateOf(db, id)).toBe("claimed");
    expect(await outcomesOf(db, id)).toEqual(["rejected", null]);
  });

  test("keeps a second acceptance as evidence without a second accepted attempt", async ({
    db,
  }) => {
    const id = await makeNotification(db, { state: "sent", attempt: 2 });
    await sql`update oncebox.attempt set outcome = 'swept' where attempt = 1`.execute(db);

    await settle(
      db,
      { notificationId: id, attempt: 1 },
      { kind: "accepted", providerRef: "999" },
      HISTORY,
    );

    const { rows } =
      await sql`select outcome, code, provider_ref from oncebox.attempt where attempt = 1`.execute(
        db,
      );
    expect(rows).toEqual([{ outcome: "unknown", code: "accepted_twice", provider_ref: "999" }]);
  });

  test("ends as sent what was taken for unsent, when its last attempt was accepted after all", async ({
    db,
  }) => {
    const id = await makeNotification(db, { state: "pending", attempt: 1 });
    await sql`update oncebox.attempt set outcome = 'swept'`.execute(db);

    const late = await settle(db, { notificationId: id, attempt: 1 }, ACCEPTED, HISTORY);

    expect(late).toEqual({ moved: true, state: "sent" });
    expect(await rowOf(db, id)).toMatchObject({ flag: true, hasFlagTime: true });
    expect(await claimAs(db, id)).toBeNull();
  });

  test("keeps anyone from sending again what an earlier attempt was accepted for too late", async ({
    db,
  }) => {
    const id = await makeNotification(db, { state: "pending", attempt: 2 });
    await sql`update oncebox.attempt set outcome = 'swept'`.execute(db);

    const late = await settle(db, { notificationId: id, attempt: 1 }, ACCEPTED, HISTORY);

    expect(late.moved).toBe(false);
    expect(await claimAs(db, id)).toMatchObject({ verdict: "already_sent" });
  });

  test("answers a settle that is repeated as it did the first time, and changes nothing", async ({
    db,
  }) => {
    const id = await makeNotification(db, { state: "claimed" });
    const key = { notificationId: id, attempt: 1 };

    const first = await settle(db, key, { kind: "not_sent", code: "x", detail: "" }, HISTORY);
    const second = await settle(db, key, { kind: "not_sent", code: "x", detail: "" }, HISTORY);

    expect([first, second]).toEqual([
      { moved: true, state: "pending" },
      { moved: true, state: "pending" },
    ]);
    expect(await rowOf(db, id)).toMatchObject({ failures: 1 });
  });

  test("commits a draft only for the attempt that holds the claim, and only one", async ({
    db,
  }) => {
    const id = await makeNotification(db);
    await claimAs(db, id, { twoStep: true });
    const draft = { campaignId: "1", messageId: "2" };

    expect(await keepDraftOf(db, { notificationId: id, attempt: 2 }, draft)).toBe(false);
    expect(await keepDraftOf(db, { notificationId: id, attempt: 1 }, draft)).toBe(true);
    expect(
      await keepDraftOf(
        db,
        { notificationId: id, attempt: 1 },
        { campaignId: "3", messageId: "4" },
      ),
    ).toBe(false);
  });

  test("commits no draft for a holder whose lease ran out", async ({ db }) => {
    const id = await makeNotification(db, { state: "claimed", leaseMs: -1 });

    expect(
      await keepDraftOf(
        db,
        { notificationId: id, attempt: 1 },
        { campaignId: "1", messageId: "2" },
      ),
    ).toBe(false);
  });

  test("hands a later attempt the draft that an earlier one committed", async ({ db }) => {
    const id = await makeNotification(db, { state: "pending", attempt: 1, draft: true });

    expect(await claimAs(db, id, { twoStep: true })).toMatchObject({
      message: { attempt: 2, draft: { campaignId: "100", messageId: "200" } },
    });
  });
});

describe("a wake-up", () => {
  test("comes with a row inserted in plain SQL, whose recipient is the lead's own", async ({
    db,
  }) => {
    const leadId = await makeLead(db, { phone: "8 (777) 123-45-67" });
    const { rows } = await sql<{ id: string; recipient: string }>`
      insert into oncebox.notification (lead_id, channel, due_at) values (${leadId}, 'sms', now() + interval '1 hour')
      returning id::text, recipient`.execute(db);

    expect(rows[0]?.recipient).toBe("+77771234567");
    expect(await jobsOf(db, rows[0]?.id ?? "")).toMatchObject([{ task: "oncebox_sms" }]);
  });

  test("is made again by the sweep when every job was deleted", async ({ db }) => {
    const ids = await Promise.all([
      makeNotification(db, { dueInMs: -60_000 }),
      makeNotification(db, { dueInMs: -60_000 }),
    ]);
    await sql`delete from graphile_worker._private_jobs`.execute(db);

    await sql`select oncebox.sweep()`.execute(db);

    for (const id of ids) expect(await jobsOf(db, id)).toHaveLength(1);
  });

  test("is set for the next try when an attempt was not sent", async ({ db }) => {
    const id = await makeNotification(db, { state: "claimed" });

    await settle(
      db,
      { notificationId: id, attempt: 1 },
      { kind: "not_sent", code: "x", detail: "" },
      HISTORY,
    );

    const [job] = await jobsOf(db, id);
    expect(job?.runAt.getTime()).toBeGreaterThan(Date.now() + 5_000);
  });
});

describe("the tables", () => {
  const wrong: readonly [name: string, constraint: string, statement: string][] = [
    [
      "a second recipient",
      "notification_recipient_is_one",
      "update oncebox.notification set recipient = '+77771234567,+77777654321'",
    ],
    [
      "a state they do not know",
      "notification_state_known",
      "update oncebox.notification set state = 'done'",
    ],
    [
      "a claim without a lease",
      "notification_lease_iff_claimed",
      "update oncebox.notification set state = 'claimed', worker_id = (select id from oncebox.worker)",
    ],
    [
      "an end without its time",
      "notification_settled_iff_final",
      "update oncebox.notification set state = 'sent'",
    ],
    [
      "an unknown without a reason",
      "notification_reason_when_not_well",
      "update oncebox.notification set state = 'unknown'",
    ],
    [
      "half a draft",
      "notification_draft_whole",
      "update oncebox.notification set campaign_id = '1'",
    ],
  ];
  for (const [name, constraint, statement] of wrong) {
    test(`refuse ${name}, by the name of the rule`, async ({ db }) => {
      await makeNotification(db);

      await expect(sql.raw(statement).execute(db)).rejects.toMatchObject({ constraint });
    });
  }

  test("hold one notification per lead, channel and kind", async ({ db }) => {
    const leadId = await makeLead(db);
    await makeNotification(db, { leadId });

    await expect(makeNotification(db, { leadId })).rejects.toMatchObject({
      constraint: "notification_once_per_lead_channel_kind",
    });
  });

  test("hold at most one accepted attempt per notification", async ({ db }) => {
    const id = await makeNotification(db, { state: "sent", attempt: 2 });

    await expect(
      sql`update oncebox.attempt set outcome = 'accepted' where notification_id = ${id}::bigint`.execute(
        db,
      ),
    ).rejects.toMatchObject({ constraint: "attempt_accepted_once" });
  });
});
