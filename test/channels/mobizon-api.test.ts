import { describe, expect, test } from "vitest";
import { createMobizonApi, type MobizonApi } from "../../src/channels/mobizon-api.ts";
import type { Answer } from "../../src/channels/mobizon-call.ts";
import { answers, fakeMobizon } from "./support/servers.ts";

const SIGNAL = AbortSignal.timeout(60_000);

type Ask = (api: MobizonApi) => Promise<Answer<unknown>>;

const done = (data: unknown) => ({ code: 0, data, message: "" });
const refused = (code: number) => ({ code, data: null, message: "" });
const good = (value: unknown) => ({ ok: true, value });
const failed = (failure: object = {}) => ({ ok: false, failure: expect.objectContaining(failure) });

const ITEM = {
  id: "501",
  name: "oncebox-1f0c9a2e-1042",
  commonStatus: "SENT",
  startSendTs: "2026-01-15 11:42:28",
  isDeleted: "0",
  counters: { totalMsgNum: "1" },
};
const CAMPAIGN = {
  id: "501",
  name: "oncebox-1f0c9a2e-1042",
  status: "SENT",
  isDeleted: false,
  startedAt: "2026-01-15 11:42:28",
  comment: "",
};

const cases: ReadonlyArray<
  [name: string, method: string, ask: Ask, rows: ReadonlyArray<[answer: object, expected: object]>]
> = [
  [
    "getCampaign",
    "campaign/getInfo",
    (api) => api.getCampaign("501", SIGNAL),
    [
      [done(ITEM), good(CAMPAIGN)],
      [done({ ...ITEM, id: 501, isDeleted: 0 }), good(CAMPAIGN)],
      [done({ ...ITEM, isDeleted: "1" }), good({ ...CAMPAIGN, isDeleted: true })],
      [done({ ...ITEM, isDeleted: "yes" }), good({ ...CAMPAIGN, isDeleted: true })],
      [done({ ...ITEM, startSendTs: " " }), good({ ...CAMPAIGN, startedAt: null })],
      [refused(2), good(null)],
      [done({ ...ITEM, name: undefined }), failed({ code: "answer_odd" })],
      [done([]), failed({ code: "answer_odd" })],
      [refused(8), failed({ code: "mobizon_8", trouble: "setup" })],
    ],
  ],
  [
    "deleteCampaign",
    "campaign/delete",
    (api) => api.deleteCampaign("501", SIGNAL),
    [
      [done(1), good(true)],
      [refused(2), good(false)],
      [refused(10), good(false)],
      [refused(999), failed({ trouble: "outage" })],
    ],
  ],
  [
    "listCampaigns",
    "campaign/list",
    (api) => api.listCampaigns("77771234567", 2, SIGNAL),
    [
      [done({ items: [ITEM], totalItemCount: "201" }), good({ campaigns: [CAMPAIGN], total: 201 })],
      [done({ items: [], totalItemCount: 0 }), good({ campaigns: [], total: 0 })],
      // A list that cannot be read as a whole proves no absence.
      [done({ items: [ITEM, null], totalItemCount: 2 }), failed({ code: "answer_odd" })],
      [done({ items: [ITEM] }), failed()],
      [done([]), failed()],
      [refused(30), failed({ trouble: "throttle" })],
    ],
  ],
  [
    "getSmsStatuses",
    "message/getSMSStatus",
    (api) => api.getSmsStatuses(["100", "200"], SIGNAL),
    [
      [
        done([
          { id: "100", status: "DELIVRD", segNum: "1", startSendTs: "2024-01-01 12:00:00" },
          { id: 200, status: "NEW", segNum: "1", startSendTs: " " },
        ]),
        good([
          { messageId: "100", status: "DELIVRD", segments: 1 },
          { messageId: "200", status: "NEW", segments: 1 },
        ]),
      ],
      [done([]), good([])],
      [done([{ id: "100" }]), failed()],
      [refused(2), failed()],
    ],
  ],
  [
    "getBalance",
    "user/getOwnBalance",
    (api) => api.getBalance(SIGNAL),
    [
      [done({ balance: "100.50", currency: "KZT" }), good({ balance: "100.50", currency: "KZT" })],
      [done({ balance: 12.5, currency: "KZT" }), good({ balance: "12.5", currency: "KZT" })],
      [
        done({ balance: "1234567.8900", currency: "KZT" }),
        good({ balance: "1234567.8900", currency: "KZT" }),
      ],
      [done({ balance: "<b>", currency: "KZT" }), failed({ code: "answer_odd" })],
      [done({}), failed({ code: "answer_odd" })],
      [done(null), failed({ code: "answer_odd" })],
      [refused(14), failed({ trouble: "setup" })],
    ],
  ],
];

for (const [name, method, ask, rows] of cases) {
  describe(name, () => {
    for (const [answer, expected] of rows) {
      test(`reads ${JSON.stringify(answer)}`, async () => {
        const server = await fakeMobizon(answers({ [method]: answer }));

        const read = await ask(createMobizonApi({ apiUrl: server.url, apiKey: "key" }));

        expect(read).toEqual(expected);
        expect(server.methods()).toEqual([method]);
      });
    }
  });
}

test("listCampaigns asks for one full page, newest first", async () => {
  const server = await fakeMobizon(answers({}));

  await createMobizonApi({ apiUrl: server.url, apiKey: "key" }).listCampaigns("7777", 2, SIGNAL);

  expect(server.calls[0]?.form).toEqual({
    "criteria[recipient]": "7777",
    "pagination[pageSize]": "100",
    "pagination[currentPage]": "2",
    "sort[id]": "DESC",
  });
});

test("getSmsStatuses asks for each id", async () => {
  const server = await fakeMobizon(answers({}));

  await createMobizonApi({ apiUrl: server.url, apiKey: "key" }).getSmsStatuses(["1", "2"], SIGNAL);

  expect(server.calls[0]?.form).toEqual({ "ids[0]": "1", "ids[1]": "2" });
});
