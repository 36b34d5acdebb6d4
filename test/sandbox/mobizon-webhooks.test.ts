import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { test as base, describe, expect } from "vitest";
import { type SandboxMobizon, startMobizon } from "../../src/sandbox/mobizon.ts";
import { listen } from "../channels/support/servers.ts";
import { until } from "../support/until.ts";
import { call } from "./wire.ts";

const SECRET = "sandbox-webhook-secret";

// biome-ignore lint/suspicious/noExplicitAny: as it comes over the wire
type Body = any;

interface Receiver {
  readonly url: string;
  readonly bodies: Body[];
  /** What it answers next, the last one from then on; null = it hangs up. */
  answers: (number | null)[];
}

const test = base.extend<{ readonly mobizon: SandboxMobizon; readonly receiver: Receiver }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures used from the pattern
  mobizon: async ({}, use) => {
    await using mobizon = await startMobizon({
      statusSteps: [
        { status: "NEW", afterMs: 0 },
        { status: "DELIVRD", afterMs: 20 },
      ],
    });
    await use(mobizon);
  },
  receiver: async ({ mobizon }, use) => {
    const receiver: Receiver = { url: "", bodies: [], answers: [200] };
    const port = await listen(
      createServer(async (request, response) => {
        receiver.bodies.push(JSON.parse(await text(request)));
        const answer = receiver.answers.length > 1 ? receiver.answers.shift() : receiver.answers[0];
        if (answer == null) response.destroy();
        else response.writeHead(answer).end();
      }),
    );
    mobizon.set({
      webhook: { url: `http://127.0.0.1:${port}/hook`, secret: SECRET },
      webhookRetryMs: 5,
    });
    await use(receiver);
  },
});

async function send(mobizon: SandboxMobizon, recipient = "77010000001"): Promise<string> {
  const sent = await call(mobizon, "message/sendSmsMessage", { recipient, text: "hello" });
  return String(sent.data.messageId);
}

function signOf({ eventId, attempt, eventCreateTs }: Body): string {
  return createHash("sha1")
    .update(`${eventId}|${attempt}|${eventCreateTs}|${SECRET}`)
    .digest("hex");
}

describe("the stand-in's webhooks", () => {
  test("tell the final status of every message, signed as documented", async ({
    mobizon,
    receiver,
  }) => {
    const ids = [await send(mobizon), await send(mobizon, "77010009991")];
    await until("both came", () => receiver.bodies.length === 2);

    for (const body of receiver.bodies) {
      expect(body).toEqual({
        ...{ eventId: expect.any(Number), eventType: "sms-delivery-report", webhookId: 1 },
        ...{ eventCreateTs: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/), attempt: 1 },
        data: expect.objectContaining({ to: expect.stringMatching(/^7701000/) }),
        sign: signOf(body),
      });
    }
    const told = receiver.bodies.map((it) => `${it.data.messageId} ${it.data.status}`);
    expect(told.sort()).toEqual([`${ids[0]} DELIVRD`, `${ids[1]} UNDELIV`].sort());
    expect(mobizon.webhooks()).toMatchObject([{ answered: 200 }, { answered: 200 }]);
  });

  test("come again, counted and signed anew, until one is answered well", async ({
    mobizon,
    receiver,
  }) => {
    receiver.answers = [500, null, 404, 302, 204];
    await send(mobizon);
    await until("it was taken", () => mobizon.webhooks().at(-1)?.answered === 204);

    expect(receiver.bodies.map((it) => it.attempt)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(receiver.bodies.map((it) => it.eventId)).size).toBe(1);
    expect(receiver.bodies.every((it) => it.sign === signOf(it))).toBe(true);
  });

  test("are given up after ten attempts", async ({ mobizon, receiver }) => {
    mobizon.set({ webhookRetryMs: 0 });
    receiver.answers = [503];
    await send(mobizon);
    await until("the tenth", () => mobizon.webhooks().length === 10);
    await send(mobizon);
    await until("the next one's first", () => receiver.bodies.length > 10);

    expect(receiver.bodies[10]).toMatchObject({ attempt: 1 });
  });

  test("go wrong as they are told", async ({ mobizon, receiver }) => {
    mobizon.addWebhookFault({ match: { recipient: "77010000002" }, fault: { post: "lost" } });
    mobizon.addWebhookFault({ match: { recipient: "77010000003" }, fault: { post: "twice" } });
    mobizon.addWebhookFault({
      match: { recipient: "77010000004" },
      fault: { post: "forged", data: { status: "UNDELIV" } },
    });
    mobizon.addWebhookFault({ match: { recipient: "77010000005" }, fault: { post: "unsigned" } });
    mobizon.addWebhookFault({
      match: { recipient: "77010000006" },
      fault: { post: "signed_wrongly" },
    });
    mobizon.addWebhookFault({
      match: { recipient: "77010000007" },
      fault: { post: "late", delayMs: 300 },
    });
    for (const last of [7, 2, 3, 4, 5, 6, 8]) await send(mobizon, `7701000000${last}`);
    await until("the late one came", () =>
      receiver.bodies.some((it) => it.data.to === "77010000007"),
    );

    const of = (last: number) => receiver.bodies.filter((it) => it.data.to === `7701000000${last}`);
    expect(of(2)).toEqual([]);
    expect(of(3).map((it) => it.attempt)).toEqual([1, 2]);
    expect(of(4)).toMatchObject([{ data: { status: "UNDELIV" } }]);
    expect(of(4)[0].sign).toBe(signOf(of(4)[0]));
    expect(of(5)[0].sign).toBeUndefined();
    expect(of(6)[0].sign).not.toBe(signOf(of(6)[0]));
    expect(receiver.bodies.at(-1).data.to).toBe("77010000007");
    expect(of(8)).toHaveLength(1);
  });

  test("are not posted where no address is set", async ({ mobizon }) => {
    await send(mobizon);
    await until("it is delivered", async () => mobizon.messages()[0]?.status === "DELIVRD");

    expect(mobizon.webhooks()).toEqual([]);
  });

  test("are set up and broken through the control, too", async ({ mobizon, receiver }) => {
    const control = (what: string, body?: unknown) =>
      fetch(`${mobizon.url}/_sandbox/${what}`, {
        method: body === undefined ? "GET" : "POST",
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    expect((await control("settings", { webhook: { url: "file:///x", secret: "x" } })).status).toBe(
      400,
    );
    expect((await control("webhook-faults", { fault: { post: "lost" } })).status).toBe(200);
    await send(mobizon);
    await send(mobizon, "77010000002");
    await until("the second came", () => receiver.bodies.length === 1);

    expect(await (await control("webhooks")).json()).toMatchObject([{ answered: 200, attempt: 1 }]);
    expect(receiver.bodies[0].data.to).toBe("77010000002");
  });
});

describe("the stand-in's balance", () => {
  test("falls with what is sent, and rises with what is paid in", async ({ mobizon }) => {
    const balance = async () => (await call(mobizon, "user/getOwnBalance")).data.balance;
    mobizon.set({ paidIn: -999_989 });
    expect(await balance()).toBe("11.0000");
    await send(mobizon);
    expect(await balance()).toBe("0.0000");
    const refused = await call(mobizon, "message/sendSmsMessage", {
      ...{ recipient: "77010000002", text: "hello" },
    });
    expect(refused.code).toBe(15);

    mobizon.set({ paidIn: 0 });
    expect(await balance()).toBe("999989.0000");
  });
});
