import { mkdtempSync, rmSync } from "node:fs";
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

describe("a list", () => {
  test("is cut into pages that start at 0, in the order asked for", async () => {
    for (let sent = 0; sent < 27; sent += 1) {
      await call("message/sendSmsMessage", { recipient: NUMBER, text: `${sent}` });
    }
    const criteria = { "criteria[to]": NUMBER, "sort[id]": "ASC", "pagination[pageSize]": "25" };

    const first = await call("message/list", criteria);
    const second = await call("message/list", { ...criteria, "pagination[currentPage]": "1" });

    expect(first.data.items).toHaveLength(25);
    expect(Number(first.data.totalItemCount)).toBe(27);
    expect(second.data.items.map((it: { text: string }) => it.text)).toEqual(["25", "26"]);
    expect(await call("message/list", { "pagination[pageSize]": "30" })).toMatchObject({
      code: 12,
    });
  });

  test("filters campaigns by part of a number, type, text, time and ids, but not by name", async () => {
    const { id } = await draft("77770000123", { "data[text]": "one" });
    await draft("77770000456", { "data[text]": "two", "data[type]": "2" });
    const found = async (criteria: Record<string, string>) =>
      (await call("campaign/list", criteria)).data.items.map((it: { text: string }) => it.text);

    expect(await found({ "criteria[recipient]": "0123" })).toEqual(["one"]);
    expect(await found({ "criteria[type]": "2" })).toEqual(["two"]);
    expect(await found({ "criteria[text]": "one" })).toEqual(["one"]);
    expect(await found({ "criteria[ids][]": id })).toEqual(["one"]);
    expect(await found({ "criteria[createTsFrom]": "2001-01-01 00:00:00" })).toHaveLength(2);
    expect(await found({ "criteria[createTsTo]": "2001-01-01 00:00:00" })).toEqual([]);
    expect(await found({ "criteria[name]": "no such name" })).toHaveLength(2);
  });

  test("filters messages by number, campaign and status", async () => {
    const waiting = await draft("77770000123");
    const sent = await draft("77770000456");
    await call("campaign/send", { id: sent.id });
    await until("DELIVRD", async () => (await messageStatus(sent.messageId)) === "DELIVRD");
    const found = async (criteria: Record<string, string>) =>
      (await call("message/list", criteria)).data.items.map((it: { id: unknown }) => String(it.id));

    expect(await found({ "criteria[to]": "77770000123" })).toEqual([waiting.messageId]);
    expect(await found({ "criteria[to]": "0123" })).toEqual([]);
    expect(await found({ "criteria[campaignIds]": `${sent.id},9` })).toEqual([sent.messageId]);
    expect(await found({ "criteria[status]": "DELIVRD" })).toEqual([sent.messageId]);
  });

  test("can lag behind what was sent", async () => {
    mobizon.set({ listLagMs: 60_000 });
    await call("message/sendSmsMessage", { recipient: NUMBER, text: "x" });

    expect(mobizon.messages()).toHaveLength(1);
    expect((await call("campaign/list")).data).toMatchObject({ items: [] });
    expect((await call("message/list")).data).toMatchObject({ items: [] });
  });

  test("of statuses leaves out ids that are not known, wants some and takes 100", async () => {
    const { messageId } = await draft();

    const answer = await call("message/getSMSStatus", { "ids[0]": messageId, "ids[1]": "9" });

    expect(answer.data).toMatchObject([{ status: "NEW", segNum: "1", startSendTs: " " }]);
    expect(await call("message/getSMSStatus")).toMatchObject({ code: 2 });
    expect(
      await call("message/getSMSStatus", { ids: Array.from({ length: 101 }, String).join(",") }),
    ).toMatchObject({ code: 12 });
  });
});

test("gives ids and counts as texts and as numbers, as the vendor does", async () => {
  const ids = await Promise.all(
    Array.from(
      { length: 4 },
      async () => (await call("campaign/create", { "data[text]": "x" })).data,
    ),
  );

  expect(new Set(ids.map((id) => typeof id))).toEqual(new Set(["string", "number"]));
});
