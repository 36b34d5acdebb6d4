import { describe, expect, test } from "vitest";
import { createMobizonChannel } from "../../src/channels/mobizon.ts";
import { DRAFT, makeContext, SMS } from "./support/messages.ts";
import { answers, type FakeMobizon, fakeMobizon } from "./support/servers.ts";

/** code -> what it means for: the one call that sends; campaign/send; a call before campaign/send. */
const CODES: ReadonlyArray<[code: number, message: object, send: object, prepare: object]> = [
  [1, { kind: "rejected" }, { kind: "rejected" }, { kind: "rejected" }],
  [2, { kind: "rejected" }, { kind: "not_sent" }, { kind: "rejected" }],
  [3, { kind: "unknown" }, { kind: "unknown" }, { kind: "not_sent" }],
  ...([4, 5, 6, 8, 9, 13, 14] as const).map((code): [number, object, object, object] => {
    const setup = { kind: "not_sent", trouble: "setup" };
    return [code, setup, setup, setup];
  }),
  [10, { kind: "unknown" }, { kind: "unknown" }, { kind: "not_sent" }],
  [11, { kind: "rejected" }, { kind: "rejected" }, { kind: "rejected" }],
  [12, { kind: "rejected" }, { kind: "rejected" }, { kind: "rejected" }],
  [15, { kind: "unknown" }, { kind: "unknown" }, { kind: "not_sent" }],
  [
    30,
    { kind: "not_sent", trouble: "throttle" },
    { kind: "not_sent", trouble: "throttle" },
    { kind: "not_sent", trouble: "throttle" },
  ],
  [98, { kind: "unknown" }, { kind: "unknown" }, { kind: "not_sent" }],
  [99, { kind: "unknown" }, { kind: "unknown" }, { kind: "not_sent" }],
  [100, { kind: "unknown" }, { kind: "unknown" }, { kind: "not_sent" }],
  [
    999,
    { kind: "unknown", trouble: "outage" },
    { kind: "unknown", trouble: "outage" },
    { kind: "not_sent", trouble: "outage" },
  ],
  // Codes that nobody documented.
  [7, { kind: "unknown" }, { kind: "unknown" }, { kind: "not_sent" }],
  [-1, { kind: "unknown" }, { kind: "unknown" }, { kind: "not_sent" }],
  [1000, { kind: "unknown" }, { kind: "unknown" }, { kind: "not_sent" }],
];

const CREATED = { code: 0, data: DRAFT.campaignId, message: "" };
const ADDED = {
  code: 0,
  data: [{ recipient: "77771234567", code: 0, messageId: DRAFT.messageId }],
  message: "",
};
const NEW = {
  code: 0,
  data: { id: DRAFT.campaignId, name: SMS.reference, commonStatus: "NEW", startSendTs: null },
  message: "",
};

function send(server: FakeMobizon, mode: "campaign" | "message", context = makeContext()) {
  return createMobizonChannel({ apiUrl: server.url, apiKey: "key", mode }).send(SMS, context);
}

for (const [code, message, sent, prepared] of CODES) {
  describe(`code ${code}`, () => {
    // Codes come as integers and as strings.
    for (const spelled of [code, `${code}`]) {
      const envelope = { code: spelled, data: null, message: "so it is" };
      const facts = { code: `mobizon_${code}`, detail: "so it is" };

      test(`${JSON.stringify(spelled)} from message/sendSmsMessage`, async () => {
        const server = await fakeMobizon(answers({ "message/sendSmsMessage": envelope }));

        const outcome = await send(server, "message");

        expect(outcome).toEqual({ ...message, ...facts });
        expect(server.methods()).toEqual(["message/sendSmsMessage"]);
      });

      test(`${JSON.stringify(spelled)} from campaign/send`, async () => {
        const server = await fakeMobizon(
          answers({
            "campaign/create": CREATED,
            "campaign/addRecipients": ADDED,
            "campaign/getInfo": NEW,
            "campaign/send": envelope,
          }),
        );

        const outcome = await send(server, "campaign");

        expect(outcome).toMatchObject({ ...sent, code: facts.code });
        expect(server.methods().filter((it) => it === "campaign/send")).toHaveLength(1);
      });
    }

    for (const method of ["campaign/create", "campaign/addRecipients"] as const) {
      test(`from ${method}, where nothing can have been sent`, async () => {
        const server = await fakeMobizon(
          answers({
            "campaign/create": CREATED,
            [method]: { code, data: null, message: "so it is" },
          }),
        );
        const context = makeContext();

        const outcome = await send(server, "campaign", context);

        const isLost = code === 2 && method === "campaign/addRecipients";
        expect(outcome).toMatchObject(isLost ? { kind: "not_sent" } : prepared);
        expect(server.methods().at(-1)).toBe(method);
        expect(context.kept).toEqual([]);
      });
    }
  });
}

describe("too little money", () => {
  const cases: ReadonlyArray<[code: number, message: string, expected: object]> = [
    [1, "Insufficient funds on your balance", { kind: "not_sent", trouble: "balance" }],
    [15, "Not enough money", { kind: "not_sent", trouble: "balance" }],
    [15, "Недостаточно средств на счету", { kind: "not_sent", trouble: "balance" }],
    // Not on the list, so by the code's own rule.
    [1, "Please check the balance of brackets", { kind: "rejected" }],
    [15, "the operation failed", { kind: "unknown" }],
    // The right words with a code that proves nothing.
    [3, "Insufficient funds", { kind: "unknown" }],
    [999, "Insufficient funds", { kind: "unknown" }],
  ];
  for (const [code, message, expected] of cases) {
    test(`code ${code}, "${message}"`, async () => {
      const server = await fakeMobizon(
        answers({ "message/sendSmsMessage": { code, data: null, message } }),
      );

      expect(await send(server, "message")).toMatchObject(expected);
    });
  }
});

describe("a failed validation", () => {
  test("names the field, and is the message's own fault", async () => {
    const data = { recipient: ["wrong number"] };
    const server = await fakeMobizon(
      answers({ "message/sendSmsMessage": { code: 1, data, message: "validation failed" } }),
    );

    expect(await send(server, "message")).toEqual({
      kind: "rejected",
      code: "mobizon_1",
      detail: 'validation failed {"recipient":["wrong number"]}',
    });
  });

  test("of the sender is the set-up's fault, and fails nobody's message", async () => {
    const data = { from: ["not registered"] };
    const server = await fakeMobizon(
      answers({ "message/sendSmsMessage": { code: 1, data, message: "validation failed" } }),
    );

    expect(await send(server, "message")).toMatchObject({ kind: "not_sent", trouble: "setup" });
  });
});

test("code 13 names another host, which never hears from us", async () => {
  const other = await fakeMobizon((_call, res) => res.end());
  const server = await fakeMobizon(
    answers({ "message/sendSmsMessage": { code: 13, data: other.url, message: "wrong server" } }),
  );

  expect(await send(server, "message")).toMatchObject({ kind: "not_sent", trouble: "setup" });
  expect(other.calls).toEqual([]);
});
