import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import { type NotificationId, STATES, type State } from "../../src/outbox/notification.ts";
import type { Finding, SendOutcome } from "../../src/outbox/outcome.ts";
import { cancel, resolve } from "../../src/outbox/person.ts";
import { reconcile } from "../../src/outbox/reconcile.ts";
import { release, settle } from "../../src/outbox/settle.ts";
import { sweep } from "../../src/outbox/sweep.ts";
import { test } from "../support/fixture.ts";
import { claimAs, makeNotification, makeWorker, rowOf, type Wanted } from "../support/make.ts";

interface Move {
  readonly name: string;
  /** What the row is besides its state. */
  readonly with?: Wanted;
  readonly make: (db: Kysely<unknown>, id: NotificationId) => Promise<unknown>;
  /** The table of docs/states.md: from -> to. From every other state the row stays as it is. */
  readonly moves: Readonly<Partial<Record<State, State>>>;
}

const HISTORY = { failures: 0, pauses: 0 };
const act = (notificationId: NotificationId) => ({ notificationId, actor: "test", reason: "test" });

function settleAs(outcome: SendOutcome) {
  return async (db: Kysely<unknown>, notificationId: NotificationId) => {
    const { attempt } = await rowOf(db, notificationId);
    return await settle(db, { notificationId, attempt }, outcome, HISTORY);
  };
}

function reconcileAs(finding: Finding | { readonly kind: "repeat" }) {
  return async (db: Kysely<unknown>, notificationId: NotificationId) => {
    const workerId = await makeWorker(db);
    const { attempt } = await rowOf(db, notificationId);
    const key = { recipient: "+77771234567", reference: "x", draft: null };
    return await reconcile(db, { notificationId, attempt, channel: "sms", key }, workerId, finding);
  };
}

const claimNow = (db: Kysely<unknown>, id: NotificationId) => claimAs(db, id, { twoStep: true });

const MOVES: readonly Move[] = [
  { name: "claim, once due", make: claimNow, moves: { pending: "claimed" } },
  { name: "claim, before it is due", with: { dueInMs: 60_000 }, make: claimNow, moves: {} },
  {
    name: "claim, past expires_at",
    with: { expiresInMs: -1 },
    make: claimNow,
    moves: { pending: "cancelled" },
  },
  {
    name: "claim, when the lead's flag was set by someone else",
    make: async (db, id) => {
      await sql`
        update public.landing_leads set sms_sent = true
         where id = (select lead_id from oncebox.notification where id = ${id}::bigint)`.execute(
        db,
      );
      return await claimNow(db, id);
    },
    moves: { pending: "cancelled" },
  },
  {
    name: "settle as accepted",
    make: settleAs({ kind: "accepted", providerRef: "200" }),
    moves: { claimed: "sent", unknown: "sent" },
  },
  {
    name: "settle as rejected",
    make: settleAs({ kind: "rejected", code: "mobizon:1", detail: "" }),
    moves: { claimed: "failed", unknown: "failed" },
  },
  {
    name: "settle as not sent",
    make: settleAs({ kind: "not_sent", code: "ECONNREFUSED", detail: "" }),
    moves: { claimed: "pending" },
  },
  {
    name: "settle as unknown",
    make: settleAs({ kind: "unknown", code: "timeout", detail: "" }),
    moves: { claimed: "unknown" },
  },
  {
    name: "release",
    make: async (db, notificationId) =>
      await release(
        db,
        { notificationId, attempt: (await rowOf(db, notificationId)).attempt },
        "test",
      ),
    moves: { claimed: "pending" },
  },
  {
    name: "cancel by a person",
    make: (db, id) => cancel(db, act(id)),
    moves: { pending: "cancelled" },
  },
  {
    name: "sweep, the lease run out",
    with: { leaseMs: -1 },
    make: sweep,
    moves: { claimed: "unknown" },
  },
  {
    name: "sweep, the lease run out and provably nothing irreversible tried",
    with: { leaseMs: -1, irreversible: false },
    make: sweep,
    moves: { claimed: "pending" },
  },
  { name: "sweep, within the lease", make: sweep, moves: {} },
  {
    name: "sweep, the holder gone",
    with: { holderIsGone: true },
    make: sweep,
    moves: { claimed: "unknown" },
  },
  {
    name: "sweep, the holder gone and provably nothing irreversible tried",
    with: { holderIsGone: true, irreversible: false },
    make: sweep,
    moves: { claimed: "pending" },
  },
  {
    name: "sweep, the third holder gone in a row, whatever was proven",
    with: { holderIsGone: true, irreversible: false, deaths: 2 },
    make: sweep,
    moves: { claimed: "unknown" },
  },
  {
    name: "reconcile, found sent",
    make: reconcileAs({ kind: "sent", providerRef: "200", campaignId: "100" }),
    moves: { unknown: "sent" },
  },
  {
    name: "reconcile, found refused",
    make: reconcileAs({ kind: "rejected", code: "campaign_declined", detail: "" }),
    moves: { unknown: "failed" },
  },
  {
    name: "reconcile, found as a draft that was never sent off",
    make: reconcileAs({ kind: "draft" }),
    moves: { unknown: "pending" },
  },
  { name: "reconcile, no trace found once", make: reconcileAs({ kind: "absent" }), moves: {} },
  {
    name: "reconcile, no trace found three times running",
    make: async (db, id) => {
      for (let round = 0; round < 3; round++) await reconcileAs({ kind: "absent" })(db, id);
    },
    moves: { unknown: "pending" },
  },
  {
    name: "reconcile, asked in vain",
    make: reconcileAs({ kind: "undecided", code: "timeout", detail: "" }),
    moves: {},
  },
  {
    name: "reconcile, a repeat that the settings ask for",
    with: { channel: "email" },
    make: reconcileAs({ kind: "repeat" }),
    moves: { unknown: "pending" },
  },
  {
    name: "resolve as sent",
    make: (db, id) => resolve(db, act(id), "sent"),
    moves: { unknown: "sent" },
  },
  {
    name: "resolve as not sent",
    make: (db, id) => resolve(db, act(id), "failed"),
    moves: { unknown: "failed" },
  },
  {
    name: "resolve as to be sent again",
    make: (db, id) => resolve(db, act(id), "pending"),
    moves: { unknown: "pending" },
  },
];

for (const move of MOVES) {
  describe(move.name, () => {
    for (const from of STATES) {
      const to = move.moves[from];
      test(
        to === undefined ? `leaves ${from} as it is` : `moves ${from} to ${to}`,
        async ({ db }) => {
          const id = await makeNotification(db, { ...move.with, state: from });
          const before = await rowOf(db, id);

          await move.make(db, id).catch((error: unknown) => {
            expect(error).toMatchObject({ code: "ONCEBOX_MOVE_REFUSED" });
          });

          const after = await rowOf(db, id);
          if (to === undefined)
            expect(after).toMatchObject({ state: from, attempt: before.attempt });
          else expect(after.state).toBe(to);
        },
      );
    }
  });
}

describe("the lead's flag", () => {
  const cases: readonly [
    name: string,
    SendOutcome,
    expected: { flag: boolean; hasFlagTime: boolean },
  ][] = [
    [
      "is true with a time once accepted",
      { kind: "accepted", providerRef: "1" },
      { flag: true, hasFlagTime: true },
    ],
    [
      "is true without a time while in doubt",
      { kind: "unknown", code: "timeout", detail: "" },
      { flag: true, hasFlagTime: false },
    ],
    [
      "is false again when refused",
      { kind: "rejected", code: "x", detail: "" },
      { flag: false, hasFlagTime: false },
    ],
    [
      "is false again when proven not sent",
      { kind: "not_sent", code: "x", detail: "" },
      { flag: false, hasFlagTime: false },
    ],
  ];
  for (const channel of ["sms", "email"] as const) {
    for (const [name, outcome, expected] of cases) {
      test(`${name}: ${channel}`, async ({ db }) => {
        const id = await makeNotification(db, { state: "claimed", channel });

        await settleAs(outcome)(db, id);

        expect(await rowOf(db, id)).toMatchObject(expected);
      });
    }
  }
});

describe("the vocabulary", () => {
  test("names the same states in TypeScript and in the database", async ({ db }) => {
    const { rows } = await sql<{ definition: string }>`
      select pg_get_constraintdef(oid) as definition
        from pg_constraint
       where conname = 'notification_state_known'`.execute(db);

    const inDatabase = [...(rows[0]?.definition ?? "").matchAll(/'(\w+)'/g)].map(([, it]) => it);

    expect(inDatabase).toEqual([...STATES]);
  });
});
