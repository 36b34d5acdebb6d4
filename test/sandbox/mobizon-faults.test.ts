import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type MobizonFault, type SandboxMobizon, startMobizon } from "../../src/sandbox/mobizon.ts";
import { call, draft, rawCall } from "./wire.ts";

const NUMBER = "77771234567";
const SEND = "message/sendSmsMessage";
const FORM = { recipient: NUMBER, text: "x", "params[name]": "oncebox-1" };

let mobizon: SandboxMobizon;

beforeEach(async () => {
  mobizon = await startMobizon();
});

afterEach(() => mobizon.close());

/** An answer that comes before the connection's end is not all that is to be seen. */
function open(end: string, text: RegExp): RegExp {
  return end === "open" ? text : /(?!)/;
}

for (const accept of [true, false]) {
  describe(accept ? "a call that takes effect" : "a call that takes no effect", () => {
    const envelope = accept ? '"code":0' : '"code":999';
    const cases: ReadonlyArray<[name: string, fault: MobizonFault, end: string, text: RegExp]> = [
      ["is answered as ever", { accept, answer: "normal" }, "open", new RegExp(envelope)],
      ["is answered late", { accept, answer: "late", delayMs: 50 }, "open", new RegExp(envelope)],
      ["is never answered", { accept, answer: "never" }, "open", /^$/],
      ["ends with a RST", { accept, answer: "reset" }, "rst", /^$/],
      ["ends with a FIN and no byte", { accept, answer: "close" }, "fin", /^$/],
      [
        "gets half an answer and a FIN",
        { accept, answer: "half" },
        "fin",
        /^HTTP.* 200 [\s\S]*\{"code":\d[^}]*$/,
      ],
      ["gets a page of HTML", { accept, answer: "garbage" }, "open", /^HTTP.* 200 [\s\S]*<html>/],
      ["gets the body asked for", { accept, answer: "garbage", body: "{" }, "open", /\r\n\r\n\{$/],
      ["gets an HTTP error", { accept, answer: "http", status: 502 }, "open", /^HTTP\S* 502/],
      [
        "gets an HTTP answer with a header",
        { accept, answer: "http", status: 429, headers: { "retry-after": "7" } },
        "open",
        /^HTTP\S* 429[\s\S]*retry-after: 7/,
      ],
      ["gets another code", { accept, answer: "code", code: 30 }, "open", /"code":30/],
    ];
    for (const [name, fault, end, text] of cases) {
      test(name, async () => {
        mobizon.addFault({ fault });

        const isSilent = fault.answer === "never";
        const seen = await rawCall(mobizon, SEND, FORM, isSilent ? null : open(end, text));

        expect(seen).toEqual({ end, text: expect.stringMatching(text) });
        expect(mobizon.messages()).toHaveLength(accept ? 1 : 0);
      });
    }
  });
}

test("a fault meets the next request only, or as many as asked for", async () => {
  mobizon.addFault({ times: 2, fault: { accept: false, answer: "code", code: 30 } });

  const codes = [];
  for (let sent = 0; sent < 3; sent += 1) codes.push((await call(mobizon, SEND, FORM)).code);

  expect(codes).toEqual([30, 30, 0]);
});

test("a fault meets only what it matches: a method, a recipient, a name", async () => {
  const fault: MobizonFault = { accept: false, answer: "code", code: 15 };
  const { id } = await draft(mobizon, NUMBER, { "data[name]": "oncebox-2" });
  mobizon.addFault({ match: { method: "campaign/send" }, fault });
  mobizon.addFault({ match: { recipient: "77770000000" }, fault });
  mobizon.addFault({ match: { name: "oncebox-2" }, times: "always", fault });

  expect((await call(mobizon, SEND, FORM)).code).toBe(0);
  expect((await call(mobizon, SEND, { ...FORM, recipient: "77770000000" })).code).toBe(15);
  expect((await call(mobizon, "campaign/send", { id })).code).toBe(15);
  expect((await call(mobizon, "campaign/send", { id })).code).toBe(15);
  expect((await call(mobizon, "campaign/getInfo", { id })).code).toBe(15);
  mobizon.clearFaults();
  expect((await call(mobizon, "campaign/send", { id })).code).toBe(0);
});

test("a seed draws the same faults again, whatever the order", async () => {
  const names = Array.from({ length: 40 }, (_, index) => `oncebox-${index}`);
  const codes: MobizonFault[] = [1, 15, 999].map((code) => ({
    accept: false,
    answer: "code",
    code,
  }));
  const draw = async (order: readonly string[], seed: number) => {
    mobizon.addFault({ seed, rate: 0.4, faults: codes });
    const drawn = new Map<string, number>();
    for (const name of order) {
      drawn.set(name, (await call(mobizon, SEND, { ...FORM, "params[name]": name })).code);
    }
    return names.map((name) => drawn.get(name));
  };

  const first = await draw(names, 42);

  expect(await draw(names.toReversed(), 42)).toEqual(first);
  expect(await draw(names, 43)).not.toEqual(first);
  expect(new Set(first)).toEqual(new Set([0, 1, 15, 999]));
});

test("the delay for every answer can be changed while it runs, and is after the effect", async () => {
  await fetch(`${mobizon.url}/_sandbox/settings`, { method: "POST", body: '{"delayMs":60000}' });

  const seen = await rawCall(mobizon, SEND, FORM, null);

  expect(seen).toEqual({ text: "", end: "open" });
  expect(mobizon.messages()).toHaveLength(1);
});

test("faults are asked for over HTTP too, and a wrong wish is refused with the reason", async () => {
  const post = async (body: unknown) => {
    const url = `${mobizon.url}/_sandbox/faults`;
    return await fetch(url, { method: "POST", body: JSON.stringify(body) });
  };

  expect((await post({ fault: { accept: true, answer: "code", code: 8 } })).status).toBe(200);
  const wrong = await post({ fault: { accept: true, answer: "explode" } });

  expect(wrong.status).toBe(400);
  expect(await wrong.json()).toEqual({ error: expect.stringContaining("fault") });
  expect((await call(mobizon, SEND, FORM)).code).toBe(8);
});
