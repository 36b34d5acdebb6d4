import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type MobizonOptions,
  type SandboxMobizon,
  startMobizon,
} from "../../src/sandbox/mobizon.ts";
import { until } from "../support/until.ts";
import * as client from "./wire.ts";

const NUMBER = "77771234567";

let folder: string;
let mobizon: SandboxMobizon;

async function start(options: MobizonOptions = {}): Promise<void> {
  mobizon = await startMobizon({ ledgerFile: join(folder, "sms.ndjson"), ...options });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "oncebox-test-"));
  await start();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await mobizon.close();
  rmSync(folder, { recursive: true, force: true });
});

const call = (method: string, form?: Record<string, string>, query?: Record<string, string>) =>
  client.call(mobizon, method, form, query);

const draft = (recipient = NUMBER, fields?: Record<string, string>) =>
  client.draft(mobizon, recipient, fields);

const messageStatus = (id: string) => client.messageStatus(mobizon, id);

async function campaignStatus(id: string): Promise<string> {
  return (await call("campaign/getInfo", { id })).data.commonStatus;
}

describe("a single call", () => {
  test("sends an SMS, charges for it and lists it by its name", async () => {
    const answer = await call("message/sendSmsMessage", {
      recipient: NUMBER,
      text: "Привет",
      "params[name]": "oncebox-7",
    });

    const balance = await call("user/getOwnBalance");
    const list = await call("campaign/list", { "criteria[recipient]": NUMBER });
    expect(answer).toMatchObject({ code: 0, data: { status: 2 } });
    expect(mobizon.messages()).toMatchObject([
      { campaign: "oncebox-7", to: NUMBER, text: "Привет", from: "oncebox" },
    ]);
    expect(balance.data).toEqual({ balance: "999989.0000", currency: "KZT" });
    expect(list.data.items).toMatchObject([{ name: "oncebox-7", id: answer.data.campaignId }]);
  });

  test("knows no idempotency: the same request twice is two SMS", async () => {
    await call("message/sendSmsMessage", { recipient: NUMBER, text: "x" });
    await call("message/sendSmsMessage", { recipient: NUMBER, text: "x" });

    expect(mobizon.messages()).toHaveLength(2);
  });

  const refused: ReadonlyArray<[name: string, form: Record<string, string>, code: number]> = [
    ["no recipient", { text: "x" }, 11],
    ["no text", { recipient: NUMBER }, 11],
    ["an empty text", { recipient: NUMBER, text: " " }, 1],
    ["a number with letters", { recipient: "7777abc", text: "x" }, 1],
    ["a number as dialled at home", { recipient: "87771234567", text: "x" }, 1],
    ["a number from the stop list", { recipient: "77771239995", text: "x" }, 1],
    ["a sender that is not registered", { recipient: NUMBER, text: "x", from: "PENTAGON" }, 1],
    [
      "a name of 256 characters",
      { recipient: NUMBER, text: "x", "params[name]": "n".repeat(256) },
      1,
    ],
    ["a validity of a minute", { recipient: NUMBER, text: "x", "params[validity]": "1" }, 12],
  ];
  for (const [name, form, code] of refused) {
    test(`is refused for ${name}, with code ${code}, and nothing goes out`, async () => {
      expect(await call("message/sendSmsMessage", form)).toMatchObject({ code });
      expect(mobizon.messages()).toEqual([]);
    });
  }

  test("names the wrong fields", async () => {
    const answer = await call("message/sendSmsMessage", { recipient: "12", text: "x" });

    expect(answer.data).toEqual({ recipient: expect.any(String) });
  });

  test("is refused when the money does not last", async () => {
    await mobizon.close();
    await start({ initialBalance: 21, segmentPrice: 11 });

    const codes = [
      await call("message/sendSmsMessage", { recipient: NUMBER, text: "x" }),
      await call("message/sendSmsMessage", { recipient: NUMBER, text: "x" }),
    ].map(({ code }) => code);

    expect(codes).toEqual([0, 15]);
    expect(mobizon.messages()).toHaveLength(1);
  });

  test("is charged by segments, which are shorter outside of the GSM alphabet", async () => {
    await call("message/sendSmsMessage", { recipient: NUMBER, text: "a".repeat(160) });
    await call("message/sendSmsMessage", { recipient: NUMBER, text: "ы".repeat(71) });

    expect((await call("user/getOwnBalance")).data.balance).toBe("999967.0000");
  });
});

describe("a campaign", () => {
  test("sends nothing before it is told to, and then goes its way to DONE", async () => {
    const { id, messageId } = await draft();
    const before = await call("campaign/getInfo", { id });

    const sent = await call("campaign/send", { id });

    expect(before.data).toMatchObject({ commonStatus: "NEW", startSendTs: null });
    expect(sent).toMatchObject({ code: 0, data: 2 });
    expect(mobizon.messages()).toMatchObject([{ id: messageId, campaignId: id }]);
    await until("DELIVRD", async () => (await messageStatus(messageId)) === "DELIVRD");
    expect(await campaignStatus(id)).toBe("DONE");
  });

  test("is sent once: a second send gets code 10", async () => {
    const { id } = await draft();

    const codes = [await call("campaign/send", { id }), await call("campaign/send", { id })];

    expect(codes.map(({ code }) => code)).toEqual([0, 10]);
    expect(mobizon.messages()).toHaveLength(1);
  });

  test("is sent once when many send it at the same moment", async () => {
    mobizon.set({ delayMs: 50 });
    const { id } = await draft();

    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => await call("campaign/send", { id })),
    );

    expect(answers.map(({ code }) => code).toSorted((a, b) => a - b)).toEqual([
      0,
      ...Array.from({ length: 19 }, () => 10),
    ]);
    expect(mobizon.messages()).toHaveLength(1);
  });

  test("splits a text of recipients at commas and line breaks, and judges each", async () => {
    const { data: id } = await call("campaign/create", { "data[name]": "n", "data[text]": "x" });
    const recipients = `${NUMBER},77770000001\n+77770000002,${NUMBER}\r\n12,77771239995,no`;

    const answer = await call("campaign/addRecipients", { id, recipients });

    expect(answer.code).toBe(98);
    expect(answer.data.map((it: { code: unknown }) => Number(it.code))).toEqual([
      0, 0, 0, 4, 3, 5, 2,
    ]);
    expect(answer.data.map((it: { messageId: unknown }) => it.messageId !== null)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  test("answers 99 to a recipient that it already has, and takes it again when replacing", async () => {
    const { id, messageId } = await draft();

    const again = await call("campaign/addRecipients", { id, "recipients[0]": NUMBER });
    const replaced = await call("campaign/addRecipients", {
      id,
      "recipients[0]": NUMBER,
      "params[replace]": "1",
    });

    expect(again).toMatchObject({ code: 99, data: [{ messageId: null }] });
    expect(replaced.code).toBe(0);
    expect(String(replaced.data[0].messageId)).not.toBe(messageId);
    expect((await call("message/getSMSStatus", { ids: messageId })).data).toEqual([]);
  });

  test("takes no recipients once it went out, nor without an id, nor 501 at once", async () => {
    const { id } = await draft();
    await call("campaign/send", { id });
    const many = Array.from({ length: 501 }, (_, index) => String(77770000000 + index)).join(",");

    expect(await call("campaign/addRecipients", { id, recipients: "77770000001" })).toMatchObject({
      code: 10,
    });
    expect(await call("campaign/addRecipients", { recipients: NUMBER })).toMatchObject({
      code: 11,
    });
    expect(await call("campaign/addRecipients", { id, recipients: many })).toMatchObject({
      code: 12,
    });
    expect(await call("campaign/addRecipients", { id: "9", recipients: NUMBER })).toMatchObject({
      code: 2,
    });
  });

  test("can be told to refuse recipients for single messages", async () => {
    mobizon.set({ singleTakesRecipients: false });
    const { data: id } = await call("campaign/create", { "data[text]": "x", "data[type]": "1" });

    expect(await call("campaign/addRecipients", { id, recipients: NUMBER })).toMatchObject({
      code: 10,
    });
  });

  test("refuses to go out without a recipient, and when it is not there", async () => {
    const { data: id } = await call("campaign/create", { "data[text]": "x" });

    expect(await call("campaign/send", { id })).toMatchObject({ code: 10 });
    expect(await call("campaign/send", { id: "9" })).toMatchObject({ code: 2 });
  });

  test("can be deleted until it goes out", async () => {
    const [kept, gone] = [await draft(), await draft()];
    await call("campaign/send", { id: kept.id });

    expect(await call("campaign/delete", { id: kept.id })).toMatchObject({ code: 10 });
    expect(await call("campaign/delete", { id: gone.id })).toMatchObject({ code: 0 });
    expect(await call("campaign/delete", { id: gone.id })).toMatchObject({ code: 2 });
    expect(await call("campaign/send", { id: gone.id })).toMatchObject({ code: 2 });
    expect((await call("campaign/get", { id: gone.id })).data).toMatchObject({ isDeleted: "1" });
    expect((await call("campaign/get", { id: gone.id })).data).not.toHaveProperty("counters");
  });

  test("goes out only once the moderator has said yes", async () => {
    const { id } = await draft("77771239980");

    const answer = await call("campaign/send", { id });

    expect(Number(answer.data)).toBe(1);
    expect(mobizon.messages()).toEqual([]);
    expect(await campaignStatus(id)).toBe("MODERATION");
    expect(await call("campaign/send", { id })).toMatchObject({ code: 10 });
    await until("the SMS to go out", () => mobizon.messages().length === 1);
  });

  test("goes nowhere when the moderator has said no", async () => {
    const { id } = await draft("77771239981");

    await call("campaign/send", { id });

    await until("DECLINED", async () => (await campaignStatus(id)) === "DECLINED");
    expect(mobizon.messages()).toEqual([]);
  });

  for (const [digits, status] of [
    ["9991", "UNDELIV"],
    ["9992", "REJECTD"],
    ["9993", "EXPIRED"],
    ["9994", "DELETED"],
  ] as const) {
    test(`ends ${status} for a number that ends in ${digits}`, async () => {
      const { id, messageId } = await draft(`7777123${digits}`);

      await call("campaign/send", { id });

      await until(status, async () => (await messageStatus(messageId)) === status);
    });
  }
});

describe("a call", () => {
  const refused: ReadonlyArray<[string, method: string, query: Record<string, string>, number]> = [
    ["a wrong key", "user/getOwnBalance", { apiKey: "guess" }, 8],
    ["an unknown module", "fax/send", {}, 4],
    ["an unknown method", "campaign/fly", {}, 5],
    ["another format", "user/getOwnBalance", { output: "xml" }, 6],
  ];
  for (const [name, method, query, code] of refused) {
    test(`with ${name} gets code ${code}`, async () => {
      expect(await call(method, {}, query)).toMatchObject({ code });
    });
  }

  test("on a blocked account gets 14, at the wrong host 13, too often 30", async () => {
    mobizon.set({ access: "blocked" });
    expect(await call("user/getOwnBalance")).toMatchObject({ code: 14 });
    mobizon.set({ access: "wrong_host" });
    expect(await call("user/getOwnBalance")).toMatchObject({ code: 13, data: expect.any(String) });
    mobizon.set({ access: "ok", callsPerSecond: 1 });
    await call("user/getOwnBalance");
    expect(await call("user/getOwnBalance")).toMatchObject({ code: 30 });
  });
});

describe("the ledger", () => {
  test("gives a restarted stand-in everything back, and a cut last line costs only itself", async () => {
    const sent = await draft();
    const waiting = await draft();
    await call("campaign/send", { id: sent.id });
    const before = mobizon.messages();
    await mobizon.close();
    appendFileSync(join(folder, "sms.ndjson"), '{"kind":"sms","id":17');

    await start();

    expect(mobizon.messages()).toMatchObject(before.map(({ status: _, ...rest }) => rest));
    expect(await call("campaign/send", { id: sent.id })).toMatchObject({ code: 10 });
    expect(await call("campaign/send", { id: waiting.id })).toMatchObject({ code: 0 });
    expect((await call("user/getOwnBalance")).data.balance).toBe("999978.0000");
    const lines = readFileSync(join(folder, "sms.ndjson"), "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).kind).filter((it) => it === "sms")).toHaveLength(2);
  });

  test("lets a moderator decide after a restart", async () => {
    const { id } = await draft("77771239980");
    mobizon.set({ moderationMs: 60_000 });
    await call("campaign/send", { id });
    await mobizon.close();

    await start({ settings: { moderationMs: 1 } });

    await until("the SMS to go out", () => mobizon.messages().length === 1);
  });
});

test("shows over HTTP what was sent and what was called", async () => {
  await call("message/sendSmsMessage", { recipient: NUMBER, text: "x" });
  await call("message/sendSmsMessage", { recipient: "12", text: "x" });

  const get = async (what: string) => (await fetch(`${mobizon.url}/_sandbox/${what}`)).json();

  expect(await get("messages")).toMatchObject([{ to: NUMBER, text: "x" }]);
  expect(await get("requests")).toMatchObject({
    counts: { "message/sendSmsMessage": { 0: 1, 1: 1 } },
    recent: [{ recipient: NUMBER, code: 0 }, { code: 1 }],
  });
});

test("refuses to run in production", async () => {
  vi.stubEnv("NODE_ENV", "production");

  await expect(startMobizon()).rejects.toMatchObject({ code: "ONCEBOX_SANDBOX_FAILED" });
});
