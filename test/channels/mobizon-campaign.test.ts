import { describe, expect, test } from "vitest";
import { createMobizonChannel } from "../../src/channels/mobizon.ts";
import { DRAFT, makeContext, SMS, type TestContext } from "./support/messages.ts";
import {
  answers,
  closedPort,
  type FakeMobizon,
  fakeMobizon,
  rawServer,
  type Script,
} from "./support/servers.ts";

const CREATE = "campaign/create";
const ADD = "campaign/addRecipients";
const INFO = "campaign/getInfo";
const SEND = "campaign/send";

const done = (data: unknown) => ({ code: 0, data, message: "" });
const added = (entry: object) => done([{ recipient: "77771234567", ...entry }]);
const info = (fields: object) =>
  done({
    id: DRAFT.campaignId,
    name: SMS.reference,
    commonStatus: "NEW",
    startSendTs: null,
    isDeleted: "0",
    ...fields,
  });
const reset: Script = (_call, _res, req) => req.socket.resetAndDestroy();
const silence: Script = () => {};
const badGateway: Script = (_call, res) => res.writeHead(502).end("<html>");

const PREPARED = { [CREATE]: done(501), [ADD]: added({ code: 0, messageId: 9001 }) };
const CONTINUED = { ...SMS, attempt: 2, draft: DRAFT };

function channel(apiUrl: string, settings: { sender?: string; campaignType?: 1 | 2 } = {}) {
  const timeouts = { connectMs: 400, headersMs: 300, bodyMs: 300 };
  return createMobizonChannel({ apiUrl, apiKey: "key", mode: "campaign", timeouts, ...settings });
}

function send(server: FakeMobizon, context: TestContext = makeContext(), message = SMS) {
  return channel(server.url).send(message, context);
}

describe("a fresh message", () => {
  test("is created, filled, kept and only then sent", async () => {
    const server = await fakeMobizon(answers({ ...PREPARED, [SEND]: done(2) }));
    const sentWhenKept: number[] = [];
    const context = makeContext({
      keepDraft: async () => {
        sentWhenKept.push(server.methods().indexOf(SEND));
        return true;
      },
    });

    const outcome = await channel(server.url, { sender: "ProfTest" }).send(SMS, context);

    expect(outcome).toEqual({ kind: "accepted", providerRef: "9001", campaignId: "501" });
    expect(context.kept).toEqual([{ campaignId: "501", messageId: "9001" }]);
    expect(sentWhenKept).toEqual([-1]);
    expect(context.looks).toBe(1);
    expect(server.calls.map(({ method, form }) => [method, form])).toEqual([
      [
        CREATE,
        {
          "data[name]": SMS.reference,
          "data[text]": SMS.body,
          "data[type]": "1",
          "data[from]": "ProfTest",
        },
      ],
      [ADD, { id: "501", "recipients[0]": "77771234567" }],
      [SEND, { id: "501" }],
    ]);
  });

  test("goes as a bulk campaign when the account needs that", async () => {
    const server = await fakeMobizon(answers({ ...PREPARED, [SEND]: done(2) }));

    await channel(server.url, { campaignType: 2 }).send(SMS, makeContext());

    expect(server.calls[0]?.form).toMatchObject({ "data[type]": "2" });
    expect(server.calls[0]?.form).not.toHaveProperty("data[from]");
  });

  test("is accepted when a moderator looks at it first, and says so", async () => {
    const server = await fakeMobizon(answers({ ...PREPARED, [SEND]: done("1") }));

    expect(await send(server)).toEqual({
      kind: "accepted",
      providerRef: "9001",
      campaignId: "501",
      delivery: "moderation",
    });
  });

  const beforeSend: ReadonlyArray<
    [name: string, script: Record<string, object | Script>, expected: object]
  > = [
    ["create is reset", { [CREATE]: reset }, { kind: "not_sent", trouble: "outage" }],
    ["create answers 502", { [CREATE]: badGateway }, { kind: "not_sent", code: "http_502" }],
    [
      "create answers without an id",
      { [CREATE]: done(null) },
      { kind: "not_sent", code: "answer_odd" },
    ],
    [
      "addRecipients is silent",
      { ...PREPARED, [ADD]: silence },
      { kind: "not_sent", trouble: "outage" },
    ],
    [
      "nobody was added",
      { ...PREPARED, [ADD]: done([]) },
      { kind: "not_sent", code: "answer_odd" },
    ],
    [
      "added without a message id",
      { ...PREPARED, [ADD]: added({ code: 0 }) },
      { kind: "not_sent" },
    ],
    [
      "someone else was added",
      { ...PREPARED, [ADD]: done([{ recipient: "77770000000", code: 0, messageId: 9 }]) },
      { kind: "not_sent", code: "answer_odd" },
    ],
    [
      "two were added",
      {
        ...PREPARED,
        [ADD]: done([
          { recipient: "77771234567", code: 0, messageId: 9 },
          { recipient: "77770000000", code: 0, messageId: 10 },
        ]),
      },
      { kind: "not_sent", code: "answer_odd" },
    ],
    ...[1, 2, 3, 5, 6, 7, 8, 20].map((code): [string, Record<string, object>, object] => [
      `the recipient is refused with ${code}`,
      { ...PREPARED, [ADD]: { ...added({ code }), code: 99 } },
      { kind: "rejected", code: `mobizon_recipient_${code}` },
    ]),
    [
      "the recipient is in it already (4)",
      { ...PREPARED, [ADD]: added({ code: 4 }) },
      { kind: "not_sent" },
    ],
    [
      "the recipient's code is 99",
      { ...PREPARED, [ADD]: added({ code: "99" }) },
      { kind: "not_sent", trouble: "outage" },
    ],
    [
      "the recipient's code is new to us",
      { ...PREPARED, [ADD]: added({ code: 77 }) },
      { kind: "not_sent" },
    ],
  ];
  for (const [name, script, expected] of beforeSend) {
    test(`is not sent and keeps no draft when ${name}`, async () => {
      const server = await fakeMobizon(answers({ ...script, [SEND]: done(2) }));
      const context = makeContext();

      expect(await send(server, context)).toMatchObject(expected);
      expect(server.methods()).not.toContain(SEND);
      expect(context).toMatchObject({ kept: [], looks: 0 });
    });
  }

  const notKept: ReadonlyArray<[name: string, keepDraft: () => Promise<boolean>, code: string]> = [
    ["the claim is lost", async () => false, "claim_lost"],
    ["the database is gone", () => Promise.reject(new Error("+77771234567")), "draft_not_kept"],
  ];
  for (const [name, keepDraft, code] of notKept) {
    test(`is not sent when ${name} before the ids are kept`, async () => {
      const server = await fakeMobizon(answers({ ...PREPARED, [SEND]: done(2) }));

      const outcome = await send(server, makeContext({ keepDraft }));

      expect(outcome).toMatchObject({ kind: "not_sent", code });
      expect(JSON.stringify(outcome)).not.toContain("7771234567");
      expect(server.methods()).toEqual([CREATE, ADD]);
    });
  }

  test("is not sent when the attempt's time is over right before campaign/send", async () => {
    const server = await fakeMobizon(answers({ ...PREPARED, [SEND]: done(2) }));
    const context = makeContext({ mayStillSend: false });

    expect(await send(server, context)).toMatchObject({ kind: "not_sent", code: "lease_over" });
    expect(context.looks).toBe(1);
    expect(server.methods()).toEqual([CREATE, ADD]);
  });

  const atSend: ReadonlyArray<
    [name: string, script: Record<string, object | Script>, expected: object]
  > = [
    ["the connection is reset", { [SEND]: reset }, { kind: "unknown", trouble: "outage" }],
    ["nothing is answered", { [SEND]: silence }, { kind: "unknown", trouble: "outage" }],
    ["a gateway answers 502", { [SEND]: badGateway }, { kind: "unknown", trouble: "outage" }],
    ["it is done, in an unknown way", { [SEND]: done(7) }, { kind: "unknown", code: "answer_odd" }],
    [
      "the campaign is gone (2)",
      { [SEND]: { code: 2, data: null, message: "" } },
      { kind: "not_sent" },
    ],
  ];
  for (const [name, script, expected] of atSend) {
    test(`at campaign/send: ${name}`, async () => {
      const server = await fakeMobizon(answers({ ...PREPARED, ...script }));

      expect(await send(server)).toMatchObject(expected);
      expect(server.methods()).toEqual([CREATE, ADD, SEND]);
    });
  }
});

describe("campaign/send refused with code 10 asks the record", () => {
  const REFUSED = { code: 10, data: null, message: "the status could not be changed" };
  const cases: ReadonlyArray<[name: string, answer: object | Script, expected: object]> = [
    ["it is running", info({ commonStatus: "RUNNING" }), { kind: "accepted", providerRef: "9001" }],
    ["it was declined", info({ commonStatus: "DECLINED" }), { kind: "rejected" }],
    ["it is NEW: another call may be at it", info({}), { kind: "unknown", code: "mobizon_10" }],
    ["it is not there", { code: 2, data: null, message: "" }, { kind: "unknown" }],
    ["no answer", reset, { kind: "unknown" }],
  ];
  for (const [name, answer, expected] of cases) {
    test(name, async () => {
      const server = await fakeMobizon(answers({ ...PREPARED, [INFO]: answer, [SEND]: REFUSED }));

      expect(await send(server)).toMatchObject(expected);
      expect(server.methods()).toEqual([CREATE, ADD, SEND, INFO]);
    });
  }
});

describe("a message that an earlier attempt prepared", () => {
  const OUT = ["READY_FOR_SEND", "AUTO_READY_FOR_SEND", "RUNNING", "SENT", "DONE"] as const;
  const UNKNOWN = { kind: "unknown" };
  const decided: ReadonlyArray<[name: string, answer: object | Script, expected: object]> = [
    ...OUT.map((commonStatus): [string, object, object] => [
      `went out (${commonStatus})`,
      info({ commonStatus, startSendTs: "2026-01-15 11:42:28" }),
      { kind: "accepted", providerRef: "9001", campaignId: "501" },
    ]),
    [
      "is with the moderator",
      info({ commonStatus: "MODERATION" }),
      { kind: "accepted", delivery: "moderation" },
    ],
    [
      "was declined",
      info({ commonStatus: "DECLINED", globalComment: "no ads; call +7 777 123 45 67" }),
      { kind: "rejected", code: "campaign_declined", detail: "no ads; call +7777•••••67" },
    ],
    [
      "is not there",
      { code: 2, data: null, message: "" },
      { kind: "unknown", code: "campaign_missing" },
    ],
    ["was deleted", info({ isDeleted: 1 }), { kind: "unknown", code: "campaign_deleted" }],
    [
      "has a status nobody documented",
      info({ commonStatus: "PAUSED" }),
      { kind: "unknown", code: "campaign_odd" },
    ],
    [
      "is NEW and yet begun",
      info({ startSendTs: "2026-01-15 11:42:28" }),
      { kind: "unknown", code: "campaign_odd" },
    ],
    [
      "is not ours by its name",
      info({ name: "Spring sale" }),
      { kind: "unknown", code: "campaign_foreign" },
    ],
    ["is another campaign", info({ id: 502 }), { kind: "unknown", code: "answer_odd" }],
    ["cannot be read", done("NEW"), UNKNOWN],
    ["cannot be asked after: reset", reset, { kind: "unknown", trouble: "outage" }],
    ["cannot be asked after: 502", badGateway, { kind: "unknown", trouble: "outage" }],
    [
      "cannot be asked after: wrong key",
      { code: 8, data: null, message: "" },
      { kind: "unknown", trouble: "setup" },
    ],
    [
      "cannot be asked after: too often",
      { code: 30, data: null, message: "" },
      { kind: "unknown", trouble: "throttle" },
    ],
    ["cannot be asked after: code 1", { code: 1, data: null, message: "" }, UNKNOWN],
  ];
  for (const [name, answer, expected] of decided) {
    test(`${name}: sends nothing`, async () => {
      const server = await fakeMobizon(answers({ [INFO]: answer, [SEND]: done(2) }));
      const context = makeContext();

      expect(await send(server, context, CONTINUED)).toMatchObject(expected);
      expect(server.methods()).toEqual([INFO]);
      expect(context).toMatchObject({ kept: [], looks: 0 });
    });
  }

  for (const blank of [null, "", " ", undefined]) {
    test(`and is still NEW (started: ${JSON.stringify(blank)}) is sent under the same id`, async () => {
      const server = await fakeMobizon(
        answers({ [INFO]: info({ startSendTs: blank }), [SEND]: done(2) }),
      );

      expect(await send(server, makeContext(), CONTINUED)).toEqual({
        kind: "accepted",
        providerRef: "9001",
        campaignId: "501",
      });
      expect(server.methods()).toEqual([INFO, SEND]);
      expect(server.calls[1]?.form).toEqual({ id: "501" });
    });
  }

  test("is unknown when the vendor cannot be reached: the earlier attempt may have sent", async () => {
    const outcome = await channel(`http://127.0.0.1:${await closedPort()}`).send(
      CONTINUED,
      makeContext(),
    );

    expect(outcome).toMatchObject({ kind: "unknown", code: "ECONNREFUSED", trouble: "outage" });
  });

  test("is not sent when it is still NEW and the attempt's time is over", async () => {
    const server = await fakeMobizon(answers({ [INFO]: info({}), [SEND]: done(2) }));

    const outcome = await send(server, makeContext({ mayStillSend: false }), CONTINUED);

    expect(outcome).toMatchObject({ kind: "not_sent", code: "lease_over" });
    expect(server.methods()).toEqual([INFO]);
  });

  test("is unknown when it vanishes between the look and campaign/send", async () => {
    const server = await fakeMobizon(
      answers({ [INFO]: info({}), [SEND]: { code: 2, data: null, message: "" } }),
    );

    expect(await send(server, makeContext(), CONTINUED)).toMatchObject({ kind: "unknown" });
  });

  test("is continued as a campaign even when the mode has changed since", async () => {
    const server = await fakeMobizon(answers({ [INFO]: info({ commonStatus: "DONE" }) }));
    const other = createMobizonChannel({ apiUrl: server.url, apiKey: "key", mode: "message" });

    expect(await other.send(CONTINUED, makeContext())).toMatchObject({ kind: "accepted" });
    expect(server.methods()).toEqual([INFO]);
  });
});

test("a deadline that passes while the draft is prepared sends nothing", async () => {
  const server = await rawServer();

  const outcome = await channel(`http://127.0.0.1:${server.port}`).send(
    SMS,
    makeContext({ signal: AbortSignal.timeout(100) }),
  );

  expect(outcome).toMatchObject({ kind: "not_sent", code: "deadline", trouble: "outage" });
  expect(server.received()).toMatch(/^POST \/service\/campaign\/create\?/);
});
