import { randomUUID } from "node:crypto";
import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import { type ClaimRequest, claimEach } from "../../src/outbox/claim.ts";
import type { NotificationId } from "../../src/outbox/notification.ts";
import { keepDraftEach, settleEach } from "../../src/outbox/settle.ts";
import { test } from "../support/fixture.ts";
import { claimAs, makeLead, makeNotification, makeWorker, rowOf } from "../support/make.ts";

const HISTORY = { failures: 0, pauses: 0 };
const ACCEPTED = { kind: "accepted", providerRef: "200" } as const;

async function requestsFor(
  db: Kysely<unknown>,
  ids: readonly NotificationId[],
): Promise<ClaimRequest[]> {
  const workerId = await makeWorker(db);
  return ids.map((notificationId) => ({
    notificationId,
    workerId,
    token: randomUUID(),
    leaseMs: 60_000,
    sendTimeoutMs: 30_000,
    perSecond: null,
    twoStep: true,
  }));
}

/** Runs it while another transaction holds the row that the statement locks. */
async function whileHeld<T>(
  db: Kysely<unknown>,
  lock: ReturnType<typeof sql>,
  work: () => Promise<T>,
): Promise<T> {
  return await db.transaction().execute(async (tx) => {
    await lock.execute(tx);
    return await work();
  });
}

const rowHeld = (id: NotificationId) =>
  sql`select from oncebox.notification where id = ${id}::bigint for update`;
const leadHeld = (id: NotificationId) =>
  sql`select from public.landing_leads as l where l.id = (select lead_id from oncebox.notification where id = ${id}::bigint) for update`;

describe("claims in one statement", () => {
  test("answer each by itself: claimed, sent by somebody else, not due, held back, over", async ({
    db,
  }) => {
    const due = await makeNotification(db);
    const taken = await makeNotification(db);
    await sql`update public.landing_leads set sms_sent = true
               where id = (select lead_id from oncebox.notification where id = ${taken}::bigint)`.execute(
      db,
    );
    const later = await makeNotification(db, { dueInMs: 60_000 });
    const expired = await makeNotification(db, { expiresInMs: -1_000 });
    const sent = await makeNotification(db, { state: "sent" });
    const another = await makeNotification(db);
    await claimAs(db, another);
    const ids = [due, taken, later, expired, sent, another];

    const claims = await claimEach(db, await requestsFor(db, ids));

    expect(claims.map((it) => it?.verdict ?? it)).toEqual([
      "claimed",
      "already_sent",
      null,
      "expired",
      null,
      null,
    ]);
  });

  test("take a lead's SMS and email together", async ({ db }) => {
    const leadId = await makeLead(db);
    const sms = await makeNotification(db, { leadId, channel: "sms" });
    const email = await makeNotification(db, { leadId, channel: "email" });

    const claims = await claimEach(db, await requestsFor(db, [sms, email]));

    expect(claims).toMatchObject([
      { verdict: "claimed", message: { notificationId: sms } },
      { verdict: "claimed", message: { notificationId: email } },
    ]);
    for (const id of [sms, email]) expect(await rowOf(db, id)).toMatchObject({ flag: true });
  });

  test("of two kinds of message on one channel let one go to the lead", async ({ db }) => {
    const leadId = await makeLead(db);
    const first = await makeNotification(db, { leadId });
    const { rows } = await sql<{ id: NotificationId }>`
      insert into oncebox.notification (lead_id, channel, kind, recipient, body, due_at)
      select lead_id, channel, 'other', recipient, 'text', due_at
        from oncebox.notification where id = ${first}::bigint returning id`.execute(db);
    const second = rows[0]?.id as NotificationId;

    const claims = await claimEach(db, await requestsFor(db, [first, second]));

    expect(claims.map((it) => it?.verdict)).toEqual(["claimed", "already_sent"]);
  });

  test("answer the same again to the same tokens", async ({ db }) => {
    const requests = await requestsFor(db, [
      await makeNotification(db),
      await makeNotification(db),
    ]);

    const first = await claimEach(db, requests);

    expect(await claimEach(db, requests)).toEqual(first);
  });

  for (const [what, hold] of [
    ["its row", rowHeld],
    ["its lead's", leadHeld],
  ] as const) {
    test(`leave out one while somebody holds ${what}, and keep no other waiting`, async ({
      db,
    }) => {
      const held = await makeNotification(db);
      const free = await makeNotification(db);
      const requests = await requestsFor(db, [held, free]);

      const claims = await whileHeld(db, hold(held), () => claimEach(db, requests));
      const again = await claimEach(db, requests.slice(0, 1));

      expect(claims[0]).toBeUndefined();
      expect(claims[1]).toMatchObject({ verdict: "claimed" });
      expect(again).toMatchObject([{ verdict: "claimed", message: { attempt: 1 } }]);
    });
  }

  test("lock nothing that is over", async ({ db }) => {
    const sent = await makeNotification(db, { state: "sent" });
    const requests = await requestsFor(db, [sent]);

    const free = await db.transaction().execute(async (tx) => {
      await claimEach(tx, requests);
      return await sql`select from oncebox.notification where id = ${sent}::bigint for update skip locked`.execute(
        db,
      );
    });

    expect(free.rows).toHaveLength(1);
  });

  test("find their rows by the index when a plan made for an empty table meets a full one", async ({
    db,
  }) => {
    await sql`vacuum analyze oncebox.notification, oncebox.attempt, public.landing_leads`.execute(
      db,
    );
    await db.connection().execute(async (one) => {
      await claimEach(one, await requestsFor(db, [await makeNotification(db)]));
      const ids = [];
      for (let count = 0; count < 40; count++) ids.push(await makeNotification(db));
      const scans = async () =>
        (
          await sql<{ scans: number; fetched: number }>`
            select sum(seq_scan)::integer as scans, sum(idx_tup_fetch)::integer as fetched from pg_stat_xact_user_tables
             where relname in ('notification', 'attempt', 'landing_leads', 'registration')`.execute(
            one,
          )
        ).rows[0];

      const requests = await requestsFor(db, ids);
      await sql`begin`.execute(one);
      const claims = await claimEach(one, requests);
      const settled = await settleEach(
        one,
        ids.map((notificationId) => ({
          key: { notificationId, attempt: 1 },
          outcome: ACCEPTED,
          history: HISTORY,
        })),
      );
      const scanned = await scans();
      await sql`commit`.execute(one);

      expect(claims.every((it) => it?.verdict === "claimed")).toBe(true);
      expect(settled.every((it) => it?.state === "sent")).toBe(true);
      expect(scanned?.scans).toBe(0);
      expect(scanned?.fetched).toBeLessThan(30 * ids.length);
    });
  });
});

describe("outcomes and drafts in one statement", () => {
  test("move each row by itself, and wait for none that somebody holds", async ({ db }) => {
    const ids = [
      await makeNotification(db),
      await makeNotification(db),
      await makeNotification(db),
    ];
    await claimEach(db, await requestsFor(db, ids));
    const [held, rejected, late] = ids as [NotificationId, NotificationId, NotificationId];
    const settlements = [
      { key: { notificationId: held, attempt: 1 }, outcome: ACCEPTED, history: HISTORY },
      {
        key: { notificationId: rejected, attempt: 1 },
        outcome: { kind: "rejected", code: "mobizon_1", detail: "" },
        history: HISTORY,
      },
      { key: { notificationId: late, attempt: 7 }, outcome: ACCEPTED, history: HISTORY },
    ] as const;

    const settled = await whileHeld(db, leadHeld(held), () => settleEach(db, settlements));

    expect(settled).toEqual([
      undefined,
      { moved: true, state: "failed" },
      { moved: false, state: "claimed" },
    ]);
    expect(await rowOf(db, rejected)).toMatchObject({ flag: false });
    expect(await settleEach(db, settlements)).toEqual([
      { moved: true, state: "sent" },
      { moved: true, state: "failed" },
      { moved: false, state: "claimed" },
    ]);
  });

  test("keep the draft of whoever still holds the claim", async ({ db }) => {
    const [kept, gone, held] = [
      await makeNotification(db),
      await makeNotification(db),
      await makeNotification(db),
    ];
    await claimEach(db, await requestsFor(db, [kept, gone, held]));
    const draft = { campaignId: "100", messageId: "200" };
    const requests = [
      { key: { notificationId: kept, attempt: 1 }, draft },
      { key: { notificationId: gone, attempt: 2 }, draft },
      { key: { notificationId: held, attempt: 1 }, draft },
    ];

    expect(await whileHeld(db, rowHeld(held), () => keepDraftEach(db, requests))).toEqual([
      true,
      false,
      undefined,
    ]);
    expect(await keepDraftEach(db, requests)).toEqual([true, false, true]);
  });

  test("keep a draft without a look at all that are claimed", async ({ db }) => {
    const ids = [];
    for (let count = 0; count < 40; count++) ids.push(await makeNotification(db));
    await claimEach(db, await requestsFor(db, ids));
    await sql`vacuum analyze oncebox.notification, oncebox.attempt`.execute(db);
    const [one] = ids as [NotificationId];

    const fetched = await db.transaction().execute(async (tx) => {
      const soFar = async () =>
        (
          await sql<{ fetched: number }>`
            select idx_tup_fetch::integer as fetched from pg_stat_xact_user_tables
             where schemaname = 'oncebox' and relname = 'notification'`.execute(tx)
        ).rows[0]?.fetched as number;
      const before = await soFar();
      await keepDraftEach(tx, [
        {
          key: { notificationId: one, attempt: 1 },
          draft: { campaignId: "100", messageId: "200" },
        },
      ]);
      return (await soFar()) - before;
    });

    expect(fetched).toBeGreaterThan(0);
    expect(fetched).toBeLessThan(10);
  });
});
