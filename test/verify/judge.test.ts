import { describe, expect, test } from "vitest";
import {
  type AttemptRow,
  type Evidence,
  judge,
  type Landed,
  type NotificationRow,
} from "../../src/verify/judge.ts";

const DUE = new Date("2026-11-22T10:00:00Z");
const later = (ms: number) => new Date(DUE.getTime() + ms);

const PERSON = { leadId: "lead", phone: "77010000001", email: "a@example.kz", dueAt: DUE };

const ACCEPTED: AttemptRow = {
  attempt: 1,
  outcome: "accepted",
  code: null,
  startedAt: later(10),
  deadlineAt: later(2_510),
  endedAt: later(100),
  workerPid: 1,
};

const SMS: NotificationRow = {
  id: "1",
  leadId: "lead",
  channel: "sms",
  recipient: "+77010000001",
  state: "sent",
  reason: null,
  attempt: 1,
  providerRef: "501",
  isAsked: false,
  flag: true,
  flagAt: later(100),
  attempts: [ACCEPTED],
};
const EMAIL: NotificationRow = {
  ...SMS,
  id: "2",
  channel: "email",
  recipient: "a@example.kz",
  providerRef: "sink-1",
};

const LANDED_SMS: Landed = {
  channel: "sms",
  recipient: "77010000001",
  ids: ["501"],
  at: later(50),
};
const LANDED_EMAIL: Landed = {
  channel: "email",
  recipient: "a@example.kz",
  ids: ["sink-1"],
  at: later(50),
};

function evidence(sms: Partial<NotificationRow>, landed: readonly Landed[]): Evidence {
  return {
    people: [PERSON],
    rolledBack: new Set(),
    leadIds: ["lead"],
    rows: [{ ...SMS, ...sms }, EMAIL],
    landed: [...landed, LANDED_EMAIL],
    gone: [],
  };
}

describe("the judge of a crash proof", () => {
  test("finds nothing where both sides say the same", () => {
    const { problems, fates } = judge(evidence({}, [LANDED_SMS]), []);

    expect(problems).toEqual([]);
    expect([...fates]).toEqual([
      ["1", "sent"],
      ["2", "sent"],
    ]);
  });

  test("takes an outcome in doubt for unknown, whatever the provider knows", () => {
    const cut = { ...ACCEPTED, outcome: "swept", code: "worker_gone" };
    const unknown = {
      state: "unknown",
      reason: "worker_gone",
      flagAt: null,
      attempts: [cut],
    } as const;
    const harms = [{ what: "answered", at: DUE, pid: 1, notificationId: "1" }] as const;

    for (const landed of [[], [LANDED_SMS]]) {
      const { problems, fates } = judge(evidence({ ...unknown }, landed), harms);

      expect(problems).toEqual([]);
      expect(fates.get("1")).toBe("unknown");
    }
  });

  const open = { ...ACCEPTED, outcome: null, endedAt: null };
  const cases: readonly [
    name: string,
    sms: Partial<NotificationRow>,
    landed: readonly Landed[],
    kind: string,
    what: string,
  ][] = [
    ["a second message", {}, [LANDED_SMS, LANDED_SMS], "duplicate", "2 times"],
    ["sent without a trace", {}, [], "lost", "no trace"],
    ["another id", {}, [{ ...LANDED_SMS, ids: ["502"] }], "disagreement", "says 501"],
    [
      "a row left claimed",
      { state: "claimed", flagAt: null, attempts: [open] },
      [],
      "lost",
      "still claimed",
    ],
    [
      "failed, though it went out",
      {
        state: "failed",
        flag: false,
        flagAt: null,
        attempts: [{ ...ACCEPTED, outcome: "rejected" }],
      },
      [LANDED_SMS],
      "disagreement",
      "the provider took it",
    ],
    ["a gap in the attempts", { attempt: 2 }, [LANDED_SMS], "disagreement", "has 1 attempts"],
    [
      "a try after it was accepted",
      {
        attempt: 2,
        attempts: [
          ACCEPTED,
          { ...ACCEPTED, attempt: 2, outcome: "not_sent", startedAt: later(200) },
        ],
      },
      [LANDED_SMS],
      "disagreement",
      "tried again after it was accepted",
    ],
    ["a flag that is off", { flag: false }, [LANDED_SMS], "disagreement", "flag is false"],
    [
      "sent too early",
      {},
      [{ ...LANDED_SMS, at: later(-500) }],
      "disagreement",
      "before it was due",
    ],
    [
      "written after its time",
      {},
      [{ ...LANDED_SMS, at: later(9_000) }],
      "disagreement",
      "outside the time of every attempt",
    ],
    [
      "in doubt without a cause",
      {
        state: "unknown",
        reason: "lease_over",
        flagAt: null,
        attempts: [{ ...ACCEPTED, outcome: "swept", code: "lease_over" }],
      },
      [LANDED_SMS],
      "disagreement",
      "neither killed nor frozen",
    ],
  ];
  for (const [name, sms, landed, kind, what] of cases) {
    test(`names the notification: ${name}`, () => {
      const { problems } = judge(evidence(sms, landed), []);

      expect(problems).toContainEqual({
        kind,
        notificationId: "1",
        what: expect.stringContaining(what),
      });
    });
  }

  for (const [when, atMs, problems] of [
    ["before", -1_000, 0],
    ["after", 10_000, 1],
  ] as const) {
    test(`finds ${problems} problems with a worker that was harmed ${when} it was taken for dead`, () => {
      const gone = [{ pid: 1, startedAt: later(-2_000), goneAt: DUE }];
      const harm = { what: "any moment", at: later(atMs), pid: 1, notificationId: null } as const;

      const verdict = judge({ ...evidence({}, [LANDED_SMS]), gone }, [harm]);

      expect(verdict.problems).toHaveLength(problems);
    });
  }

  test("sees a message to one whose registration was rolled back", () => {
    const stray = { ...LANDED_SMS, recipient: "77010000002" };

    const { problems } = judge(
      { ...evidence({}, [LANDED_SMS, stray]), rolledBack: new Set(["77010000002"]) },
      [],
    );

    expect(problems).toMatchObject([{ what: expect.stringContaining("rolled back") }]);
  });
});
