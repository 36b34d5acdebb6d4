import { createHash } from "node:crypto";
import { connect } from "node:net";
import fastify from "fastify";
import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import { type WebhookDeps, type WebhookOutcome, webhookRoutes } from "../../src/http/webhook.ts";
import { takeDeliveries } from "../../src/outbox/deliveries.ts";
import { test as base, deliveryOf, makeFollowed } from "./support/fixture.ts";

const SECRET = "a-secret-of-32-characters-or-so!";
const OLD_SECRET = "the-secret-that-was-before-it...";
const PATH = "/webhooks/mobizon";

interface Served {
  readonly url: string;
  readonly outcomes: WebhookOutcome[];
}

const test = base.extend<{ readonly serve: (more?: Partial<WebhookDeps>) => Promise<Served> }>({
  serve: async ({ db, log }, use) => {
    await using opened = new AsyncDisposableStack();
    await use(async (more = {}) => {
      const outcomes: WebhookOutcome[] = [];
      const app = fastify();
      opened.defer(() => app.close());
      const count = (outcome: WebhookOutcome) => outcomes.push(outcome);
      await app.register(webhookRoutes({ db, secrets: [SECRET], log, count, ...more }));
      return { url: await app.listen({ host: "127.0.0.1", port: 0 }), outcomes };
    });
  },
});

function signOf(
  { eventId = 26 as unknown, attempt = 1 as unknown, created = "2026-01-15 11:42:28" } = {},
  secret = SECRET,
): string {
  return createHash("sha1").update(`${eventId}|${attempt}|${created}|${secret}`).digest("hex");
}

/** As Mobizon's documentation shows it, and signed. */
function webhook(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    eventId: 26,
    eventType: "sms-delivery-report",
    eventCreateTs: "2026-01-15 11:42:28",
    webhookId: 1,
    attempt: 1,
    data: {
      ...{ campaignId: 100, messageId: 200, segNum: 3, statusUpdateTs: "2026-01-15 11:42:20" },
      ...{ status: "DELIVRD", to: "77771234567" },
    },
    sign: signOf({ eventId: more.eventId ?? 26, attempt: more.attempt ?? 1 }),
    ...more,
  };
}

async function post(
  { url }: Served,
  body: unknown,
  contentType = "application/json",
): Promise<number> {
  const response = await fetch(`${url}${PATH}`, {
    method: "POST",
    headers: { "content-type": contentType },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}

async function eventsOf(db: Kysely<unknown>): Promise<object[]> {
  const { rows } = await sql<object>`
    select event_id::integer as id, attempt, message_id, campaign_id, status
      from oncebox.webhook_event order by event_id`.execute(db);
  return rows;
}

describe("POST /webhooks/mobizon", () => {
  test("keeps a webhook, answers at once, and has the provider asked", async ({ db, serve }) => {
    const served = await serve();
    await makeFollowed(db);
    await sql`update oncebox.notification set delivery_look_at = now() + interval '1 hour'`.execute(
      db,
    );
    const startedAt = performance.now();

    expect(await post(served, webhook(), "application/json; charset=utf-8")).toBe(200);

    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(await eventsOf(db)).toEqual([
      { id: 26, attempt: 1, message_id: "200", campaign_id: "100", status: "DELIVRD" },
    ]);
    expect(await takeDeliveries(db, "sms", 10)).toHaveLength(1);
    expect(served.outcomes).toEqual(["taken"]);
  });

  // W1, B56
  test("has no effect for an event that came before, on whatever attempt", async ({
    db,
    serve,
  }) => {
    const served = await serve();
    await post(served, webhook());
    await makeFollowed(db);
    await sql`update oncebox.notification set delivery_look_at = now() + interval '1 hour'`.execute(
      db,
    );

    expect(await post(served, webhook({ attempt: 2 }))).toBe(200);
    expect(await post(served, webhook())).toBe(200);
    await Promise.all(Array.from({ length: 20 }, () => post(served, webhook({ attempt: 3 }))));

    expect(await eventsOf(db)).toHaveLength(1);
    expect(await takeDeliveries(db, "sms", 10)).toEqual([]);
    expect(new Set(served.outcomes.slice(1))).toEqual(new Set(["repeated"]));
  });

  test("keeps one event of many that come at the same moment", async ({ db, serve }) => {
    const served = await serve();

    const bodies = Array.from({ length: 20 }, (_, index) =>
      webhook({ eventId: 1 + (index % 4), attempt: 1 + (index % 10) }),
    );
    const answers = await Promise.all(bodies.map((it) => post(served, it)));

    expect(new Set(answers)).toEqual(new Set([200]));
    expect(await eventsOf(db)).toHaveLength(4);
    expect(served.outcomes.filter((it) => it === "kept")).toHaveLength(4);
  });

  // W3, B55
  test("takes nothing from data that was changed on the way: a signature does not cover it", async ({
    db,
    serve,
  }) => {
    const served = await serve();
    const id = await makeFollowed(db, { delivery: "ACCEPTD" });
    const data = { messageId: "200", status: "UNDELIV", campaignId: "9", to: "77019998877" };

    expect(await post(served, webhook({ data }))).toBe(200);

    expect(await deliveryOf(db, id)).toMatchObject({ state: "sent", delivery: "ACCEPTD" });
    const jobs = await sql`select from graphile_worker.jobs where key = ${`oncebox:${id}`}`.execute(
      db,
    );
    expect(jobs.rows).toEqual([]);
  });

  // B54
  test("refuses any signature that is not right, with no exception", async ({ db, serve, log }) => {
    const served = await serve();
    const right = signOf();
    const signs: unknown[] = [
      ...[undefined, null, "", "0", right.slice(1), `${right}0`, `${right} `, right.toUpperCase()],
      ...[
        [right],
        { sign: right },
        26,
        1e308,
        true,
        "ы".repeat(40),
        "g".repeat(40),
        "0".repeat(40),
      ],
      ...["a".repeat(5_000), "\u0000", "\ud800", signOf({ attempt: 2 }), signOf({}, OLD_SECRET)],
      signOf({}, ""),
    ];

    for (const sign of signs) {
      expect([sign, await post(served, webhook({ sign }))]).toEqual([sign, 403]);
    }

    expect(await eventsOf(db)).toEqual([]);
    expect(new Set(served.outcomes)).toEqual(new Set(["refused"]));
    // Said once, and not for every one of them.
    expect(log.lines.map((it) => it.msg)).toEqual([
      expect.stringMatching(
        /^webhook:refused, a signature is not right: is MOBIZON_WEBHOOK_SECRET/,
      ),
    ]);
    expect(JSON.stringify(log.lines)).not.toContain(SECRET);
  });

  // B57
  test("takes only whole positive numbers for what is signed, and a time", async ({
    db,
    serve,
  }) => {
    const served = await serve();
    const ids: unknown[] = [
      ...["26|1", "26", [26], 0, -1, 26.5, true, null, 2 ** 53, { id: 26 }, ""],
    ];
    const attempts: unknown[] = ["1", [1], 0, 11, 1.5, false, null, -1];
    const times: unknown[] = [
      ...["2026-01-15", "2026-01-15T11:42:28Z", "2026-01-15 11:42:28|1", 5, null, ""],
      ...[["2026-01-15 11:42:28"], "2026-01-15 11:42:28\n", "２026-01-15 11:42:28"],
    ];
    const bodies = [
      ...ids.map((eventId) => webhook({ eventId })),
      ...attempts.map((attempt) => webhook({ attempt })),
      ...times.map((eventCreateTs) => webhook({ eventCreateTs })),
    ].map((it) => JSON.stringify(it));
    // What JavaScript reads as 26 and 1 all the same.
    for (const [plain, odd] of [
      ['"eventId":26', '"eventId":26.0'],
      ['"eventId":26', '"eventId":2.6e1'],
      ['"attempt":1', '"attempt":1e0'],
      ['"attempt":1', '"attempt":1.0'],
    ] as const) {
      bodies.push(JSON.stringify(webhook()).replace(plain, odd));
    }

    for (const body of bodies) expect([body, await post(served, body)]).toEqual([body, 400]);

    expect(await eventsOf(db)).toEqual([]);
    expect(await post(served, webhook())).toBe(200);
  });

  test("is 400 for what is no JSON object", async ({ db, serve }) => {
    const served = await serve();
    const deep = `${"[".repeat(4_000)}${"]".repeat(4_000)}`;

    for (const body of ["", "{", "[]", "null", "26", '"x"', "\ufeff{}", "<xml/>", deep]) {
      expect([body.slice(0, 9), await post(served, body)]).toEqual([body.slice(0, 9), 400]);
    }
    expect(await post(served, `{"__proto__": ${JSON.stringify(webhook())}}`)).toBe(400);
    expect(await eventsOf(db)).toEqual([]);
  });

  // W7
  test("is 415 for what is not JSON, and 413 for more than 8 KiB", async ({ db, serve }) => {
    const served = await serve();
    const body = JSON.stringify(webhook());

    for (const type of ["text/plain", "application/x-www-form-urlencoded", "text/xml"].concat([
      "application/xml",
      "multipart/form-data; boundary=x",
      "text/json",
    ])) {
      expect([type, await post(served, body, type)]).toEqual([type, 415]);
    }
    expect(await post(served, webhook({ padding: "x".repeat(8 * 1024) }))).toBe(413);
    expect(await eventsOf(db)).toEqual([]);
  });

  // B58
  test("ignores, and counts, what tells nothing of a message", async ({ db, serve }) => {
    const served = await serve();
    const others: Record<string, unknown>[] = [
      ...[{ eventType: "form-submit", data: { fields: {} } }, { eventType: "something-new" }],
      ...[{ eventType: undefined }, { eventType: ["sms-delivery-report"] }, { data: null }],
      ...[{ data: { messageId: "1; drop table" } }, { data: [] }, { data: { messageId: 1.5 } }],
    ];

    for (const more of others) {
      expect([more, await post(served, webhook(more))]).toEqual([more, 200]);
    }
    expect(await eventsOf(db)).toEqual([]);
    expect(served.outcomes).toEqual(others.map(() => "ignored"));
    expect(await post(served, webhook({ eventType: "form-submit", sign: "no" }))).toBe(403);
  });

  // W8
  test("takes either of two secrets while one replaces the other", async ({ serve }) => {
    const served = await serve({ secrets: [SECRET, OLD_SECRET] });

    expect(await post(served, webhook({ sign: signOf({}, OLD_SECRET) }))).toBe(200);
    expect(await post(served, webhook({ eventId: 27 }))).toBe(200);
    expect(await post(served, webhook({ sign: signOf({}, "neither of both") }))).toBe(403);
    expect(served.outcomes).toEqual(["kept", "kept", "refused"]);
  });

  // B60
  test("is not there without a secret", async ({ db, serve }) => {
    const served = await serve({ secrets: [] });

    expect(await post(served, webhook())).toBe(404);
    expect(await post(served, webhook({ sign: signOf({}, "") }))).toBe(404);
    expect(await eventsOf(db)).toEqual([]);
  });

  // B59
  test("refuses a flood before it is read, and lets others in after it", async ({ db, serve }) => {
    const served = await serve({ callsPerSecond: 5 });

    const answers = await Promise.all(
      Array.from({ length: 200 }, () => post(served, webhook({ sign: "forged" }))),
    );

    expect(answers.filter((it) => it === 429).length).toBeGreaterThan(100);
    expect(answers.filter((it) => it === 403).length).toBeGreaterThanOrEqual(5);
    // Not even a body that would be too big is waited for.
    const closed = await serve({ callsPerSecond: 0 });
    const { port } = new URL(closed.url);
    const socket = connect(Number(port), "127.0.0.1");
    const said = new Promise<string>((resolve) => {
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
        if (text.includes("\r\n")) resolve(text);
      });
    });
    socket.write(
      `POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n`,
    );
    expect(await said).toMatch(/^HTTP\/1.1 429 /);
    socket.destroy();
    expect(await eventsOf(db)).toEqual([]);
    expect(served.outcomes).toContain("limited");
  });

  test("is 503 when it cannot be kept, so that Mobizon sends it again", async ({
    db,
    pool,
    serve,
    log,
  }) => {
    const served = await serve();
    await pool.query("alter table oncebox.webhook_event rename to away");

    expect(await post(served, webhook())).toBe(503);

    await pool.query("alter table oncebox.away rename to webhook_event");
    expect(await post(served, webhook({ attempt: 2 }))).toBe(200);
    expect(await eventsOf(db)).toMatchObject([{ attempt: 2 }]);
    expect(log.lines[0]?.msg).toMatch(/^webhook:not kept/);
  });

  // W6
  test("answers in time when the database does not", async ({ pool, serve }) => {
    const served = await serve();
    const other = await pool.connect();
    await other.query("begin; lock table oncebox.webhook_event");
    const startedAt = performance.now();

    expect(await post(served, webhook())).toBe(503);

    expect(performance.now() - startedAt).toBeLessThan(5_000);
    await other.query("rollback");
    other.release();
  });

  test("says nothing of a person in the log, at any level", async ({ serve, log }) => {
    const served = await serve();
    await post(served, webhook());
    await post(served, webhook({ sign: "x" }));
    await post(served, webhook({ eventType: "form", data: { phone: "77771234567" } }));

    expect(log.lines.length).toBeGreaterThan(2);
    expect(JSON.stringify(log.lines)).not.toMatch(/7777123|DELIVRD/);
  });
});
