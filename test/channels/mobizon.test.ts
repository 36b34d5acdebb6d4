import { describe, expect, test } from "vitest";
import { createMobizonChannel } from "../../src/channels/mobizon.ts";
import { makeContext, SMS } from "./support/messages.ts";
import { answers, closedPort, fakeMobizon, rawServer, type Script } from "./support/servers.ts";

const METHOD = "message/sendSmsMessage";
const KEY = "kz0123canary+/=key";

function channel(
  apiUrl: string,
  settings: { sender?: string; mode?: "campaign" | "message" } = {},
) {
  const timeouts = { connectMs: 400, headersMs: 300, bodyMs: 300 };
  return createMobizonChannel({ apiUrl, apiKey: KEY, mode: "message", timeouts, ...settings });
}

const text =
  (status: number, body: string, headers: Record<string, string> = {}): Script =>
  (_call, res) =>
    res.writeHead(status, headers).end(body);
const json = (value: unknown): Script => text(200, JSON.stringify(value));
const SENT = { campaignId: "501", messageId: "9001", status: "2" };

describe("one answer, one outcome", () => {
  const cases: ReadonlyArray<[name: string, script: Script, expected: object]> = [
    [
      "code 0 with a message id",
      json({ code: 0, data: SENT, message: "" }),
      { kind: "accepted", providerRef: "9001", campaignId: "501" },
    ],
    [
      "the same with numbers, and for the moderator",
      json({ code: "0", data: { campaignId: 501, messageId: 9001, status: 1 }, message: "" }),
      { kind: "accepted", providerRef: "9001", campaignId: "501", delivery: "moderation" },
    ],
    [
      "code 0 without a campaign id",
      json({ code: 0, data: { messageId: "9001", status: 2 } }),
      { kind: "accepted", providerRef: "9001" },
    ],
    [
      "code 0 without a message id",
      json({ code: 0, data: { campaignId: 1 } }),
      { kind: "unknown", code: "answer_odd" },
    ],
    [
      "code 0 with a foreign message id",
      json({ code: 0, data: { messageId: "sms-9" } }),
      { kind: "unknown" },
    ],
    ["code 0 with message id 0", json({ code: 0, data: { messageId: 0 } }), { kind: "unknown" }],
    ["code 0 with a list of data", json({ code: 0, data: [SENT] }), { kind: "unknown" }],
    ["code 0 with no data", json({ code: 0 }), { kind: "unknown" }],
    ["a missing code", json({ data: SENT }), { kind: "unknown", code: "answer_unreadable" }],
    ["a code that is null", json({ code: null, data: SENT }), { kind: "unknown" }],
    ["a code that is true", json({ code: true, data: SENT }), { kind: "unknown" }],
    ["a code that is 0.5", json({ code: 0.5, data: SENT }), { kind: "unknown" }],
    ["a code that is empty", json({ code: "", data: SENT }), { kind: "unknown" }],
    ["a code that is in a list", json({ code: [0], data: SENT }), { kind: "unknown" }],
    [
      "an inherited code",
      text(200, '{"__proto__":{"code":0},"data":{"messageId":1}}'),
      { kind: "unknown" },
    ],
    ["a list", json([0]), { kind: "unknown" }],
    ["an empty 200", text(200, ""), { kind: "unknown", trouble: "outage" }],
    ["an HTML page with 200", text(200, "<html>"), { kind: "unknown", trouble: "outage" }],
    ["truncated JSON", text(200, '{"code":0,"data":{"messageId":9001'), { kind: "unknown" }],
    ["60 KB of nesting", text(200, "[".repeat(60_000)), { kind: "unknown" }],
    ["204", text(204, ""), { kind: "unknown" }],
    ["HTTP 500", text(500, "oops"), { kind: "unknown", code: "http_500", trouble: "outage" }],
    ["HTTP 502 from an edge", text(502, "<html>"), { kind: "unknown", trouble: "outage" }],
    ["HTTP 502 with a refusal inside", text(502, '{"code":8,"data":null}'), { kind: "unknown" }],
    ["HTTP 503", text(503, "", { "retry-after": "1" }), { kind: "unknown", trouble: "outage" }],
    ["HTTP 429 without an envelope", text(429, "slow"), { kind: "unknown", trouble: "throttle" }],
    ["HTTP 429 with code 30", text(429, '{"code":30}'), { kind: "not_sent", trouble: "throttle" }],
    ["HTTP 401 without an envelope", text(401, ""), { kind: "unknown", trouble: "setup" }],
    ["HTTP 401 with code 8", text(401, '{"code":8}'), { kind: "not_sent", trouble: "setup" }],
    ["HTTP 404", text(404, ""), { kind: "unknown", trouble: "setup" }],
    ["HTTP 413", text(413, ""), { kind: "unknown", code: "http_413" }],
    [
      "HTTP 400 that says done",
      text(400, JSON.stringify({ code: 0, data: SENT })),
      { kind: "unknown" },
    ],
    ...[301, 302, 307, 308].map((status): [string, Script, object] => [
      `HTTP ${status}`,
      text(status, "", { location: "/elsewhere" }),
      { kind: "not_sent", code: `http_${status}`, trouble: "setup" },
    ]),
    [
      "HTTP 303, which means it was done",
      text(303, "", { location: "/" }),
      { kind: "unknown", trouble: "setup" },
    ],
    [
      "a reset",
      (_call, _res, req) => req.socket.resetAndDestroy(),
      { kind: "unknown", trouble: "outage" },
    ],
    ["silence", () => {}, { kind: "unknown", trouble: "outage" }],
  ];
  for (const [name, script, expected] of cases) {
    test(name, async () => {
      const server = await fakeMobizon(script);

      const outcome = await channel(server.url).send(SMS, makeContext());

      expect(outcome).toMatchObject(expected);
      expect(server.calls).toHaveLength(1);
      expect(JSON.stringify(outcome)).not.toContain(KEY);
    });
  }

  test("a port that is closed", async () => {
    const outcome = await channel(`http://127.0.0.1:${await closedPort()}`).send(
      SMS,
      makeContext(),
    );

    expect(outcome).toMatchObject({ kind: "not_sent", code: "ECONNREFUSED", trouble: "outage" });
  });

  test("an attempt whose time is over: no byte goes out", async () => {
    const server = await rawServer();

    const outcome = await channel(`http://127.0.0.1:${server.port}`).send(
      SMS,
      makeContext({ mayStillSend: false }),
    );

    expect(outcome).toEqual({ kind: "not_sent", code: "lease_over", detail: expect.any(String) });
    await server.allClosed();
    expect(server.received()).toBe("");
  });
});

describe("what the vendor is given", () => {
  test("is a POST with the key in the query and the message in the form", async () => {
    const server = await fakeMobizon(json({ code: 0, data: SENT }));

    await channel(server.url, { sender: "ProfTest" }).send(SMS, makeContext());

    expect(server.calls).toEqual([
      {
        method: METHOD,
        verb: "POST",
        contentType: "application/x-www-form-urlencoded",
        url: `/service/${METHOD}?output=json&api=v1&apiKey=${encodeURIComponent(KEY)}`,
        form: {
          recipient: "77771234567",
          text: SMS.body,
          from: "ProfTest",
          "params[name]": SMS.reference,
        },
      },
    ]);
  });

  const texts: ReadonlyArray<[name: string, body: string]> = [
    ["form characters", "a&b=c+d%20e;f#g?h params[name]=x&recipient=77770000000"],
    ["braces", "{name} {{name}} $name %s"],
    ["emoji and joiners", "👩‍👩‍👧‍👦 é e\u0301 🇰🇿"],
    ["Cyrillic and Kazakh", "Сәлем, Әйгерім! Ваш результат готов"],
    ["newlines and tabs", "one\ntwo\r\nthree\tfour"],
    ["quotes and markup", `"'\`<b>&amp;</b>\\`],
  ];
  for (const [name, body] of texts) {
    for (const mode of ["message", "campaign"] as const) {
      test(`has ${name} byte by byte, in ${mode} mode`, async () => {
        const server = await fakeMobizon(
          answers({ [METHOD]: { code: 0, data: SENT }, "campaign/create": { code: 999 } }),
        );

        await channel(server.url, { mode }).send({ ...SMS, body }, makeContext());

        const form = server.calls[0]?.form ?? {};
        expect(form[mode === "message" ? "text" : "data[text]"]).toBe(body);
        expect(form[mode === "message" ? "recipient" : "data[type]"]).toBe(
          mode === "message" ? "77771234567" : "1",
        );
      });
    }
  }
});

describe("what must not be sent", () => {
  const recipients = [
    "77771234567",
    "+77771234567,+77770000000",
    "+77771234567\n77770000000",
    "+77771234567\n",
    "+7 777 123 45 67",
    "+7777123456x",
    "+７７７７１２３４５６７",
    "+07771234567",
    "+112",
    "+7777123456789012",
    "",
    "+",
  ];
  for (const recipient of recipients) {
    for (const mode of ["message", "campaign"] as const) {
      test(`recipient ${JSON.stringify(recipient)} in ${mode} mode`, async () => {
        const server = await fakeMobizon(json({ code: 0, data: SENT }));

        const outcome = await channel(server.url, { mode }).send(
          { ...SMS, recipient },
          makeContext(),
        );

        expect(outcome).toMatchObject({ kind: "rejected", code: "recipient_invalid" });
        expect(server.calls).toEqual([]);
      });
    }
  }

  test("an empty text, or a reference the vendor's record could not be found by", async () => {
    const server = await fakeMobizon(json({ code: 0, data: SENT }));
    const sms = channel(server.url);

    expect(await sms.send({ ...SMS, body: "" }, makeContext())).toMatchObject({ kind: "rejected" });
    expect(await sms.send({ ...SMS, reference: "a b" }, makeContext())).toMatchObject({
      kind: "rejected",
    });
    expect(server.calls).toEqual([]);
  });
});

describe("what the vendor says", () => {
  test("is kept short, on one line, and without key, numbers and addresses", async () => {
    const message = [
      `key ${KEY} or ${encodeURIComponent(KEY)}`,
      "+7 (777) 123-45-67 and 77771234567",
      "aigerim@example.kz",
      "\u001b[31mred\u0000\r\n\u202egnp.exe",
      "x".repeat(5_000),
    ].join(" ");
    const server = await fakeMobizon(
      json({ code: 15, data: { recipient: "77771234567" }, message }),
    );

    const outcome = await channel(server.url).send(SMS, makeContext());

    const detail = "detail" in outcome ? outcome.detail : "";
    expect(Buffer.byteLength(detail)).toBeLessThanOrEqual(1024);
    expect(detail).toMatch(
      /^key ••• or ••• \+7777•••••67 and 7777•••••67 a•••@example\.kz +\[31mred gnp\.exe x+…$/,
    );
  });

  test("can be hostile to the masks without holding up the worker", async () => {
    const hostile = ["1-".repeat(30_000), "a@".repeat(30_000), "a".repeat(60_000)];
    const startedAt = performance.now();

    for (const message of hostile) {
      const server = await fakeMobizon(json({ code: 15, data: null, message }));
      expect(await channel(server.url).send(SMS, makeContext())).toMatchObject({ kind: "unknown" });
    }

    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test("shows the key of a redirect that repeats it to nobody", async () => {
    const server = await fakeMobizon((call, res) => {
      res.writeHead(302, { location: call.url }).end(`Moved to ${call.url}`);
    });

    const outcome = await channel(server.url).send(SMS, makeContext());

    expect(JSON.stringify(outcome)).not.toMatch(/canary/);
  });
});

describe("settings", () => {
  const urls = [
    "http://api.mobizon.kz",
    "https://user:pass@api.mobizon.kz",
    "https://api.mobizon.kz?apiKey=1",
    "https://api.mobizon.kz#x",
    "ftp://127.0.0.1",
    "api.mobizon.kz",
    "",
  ];
  for (const apiUrl of urls) {
    test(`refuse the address ${JSON.stringify(apiUrl)}`, () => {
      expect(() => channel(apiUrl)).toThrow(
        expect.objectContaining({ code: "ONCEBOX_CONFIG_INVALID" }),
      );
    });
  }

  for (const apiKey of ["", "two words", "new\nline", "ключ"]) {
    test(`refuse the key ${JSON.stringify(apiKey)} without repeating it`, () => {
      const make = () =>
        createMobizonChannel({ apiUrl: "https://api.mobizon.kz", apiKey, mode: "message" });

      expect(make).toThrow("the Mobizon API key is empty or malformed");
    });
  }

  test("take a base with a path, as a proxy in front of the vendor has", async () => {
    const server = await fakeMobizon(json({ code: 0, data: SENT }));

    await channel(`${server.url}/mobizon/`).send(SMS, makeContext());

    expect(server.calls[0]?.url).toMatch(/^\/mobizon\/service\/message\/sendSmsMessage\?/);
  });
});
