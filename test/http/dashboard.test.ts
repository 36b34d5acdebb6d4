import { sql } from "kysely";
import { describe, expect } from "vitest";
import { type Server, startServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/log.ts";
import { makeToken, revokeToken, type Scope } from "../../src/outbox/tokens.ts";
import { test as base } from "../support/fixture.ts";
import { hold } from "../support/hold.ts";
import { makeLead, makeNotification, stateOf } from "../support/make.ts";
import { until } from "../support/until.ts";

/** A browser as far as the server can tell: it keeps the cookie, and sends what the page sends. */
interface Visitor {
  get(path: string): Promise<Response>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  readonly cookie: string;
}

interface Fixtures {
  readonly server: Server;
  /** Somebody who signed in with a token that may do this. */
  readonly signIn: (scopes: readonly Scope[], name?: string) => Promise<Visitor>;
}

const HTTP = {
  host: "127.0.0.1",
  port: 0,
  token: "t".repeat(40),
  requestsPerSecond: 1_000,
  leadsPerPhone: null,
};
const REASON = "she called and asked";

const test = base.extend<Fixtures>({
  server: async ({ databaseUrl }, use) => {
    const server = await startServer({ databaseUrl, http: HTTP }, createLogger("silent"));
    await use(server);
    await server.close();
  },
  signIn: async ({ server, db }, use) => {
    await use(async (scopes, name = `person-${scopes.join("-")}`) => {
      const token = await makeToken(db, {
        name,
        scopes,
        source: name,
        expiresAt: null,
        actor: "test",
      });
      return await visit(server, token);
    });
  },
});

async function visit({ url }: Server, token: string): Promise<Visitor> {
  const answer = await post(url, "/ui/sign-in", { token }, {});
  expect(answer.status).toBe(200);
  const cookie = (answer.headers.get("set-cookie") ?? "").split(";")[0] as string;
  const { csrf } = (await answer.json()) as { csrf: string };
  return {
    cookie,
    get: (path) => fetch(url + path, { headers: { cookie } }),
    post: (path, body, headers = {}) =>
      post(url, path, body, { cookie, "x-csrf-token": csrf, ...headers }),
  };
}

function post(
  url: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Response> {
  return fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

describe("signing in", () => {
  test("gives a cookie that no script reads, no other site sends, and no other host may set", async ({
    server,
  }) => {
    const answer = await post(server.url, "/ui/sign-in", { token: HTTP.token }, {});

    const cookie = answer.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^__Host-oncebox=[\w-]{43}; /);
    for (const part of ["Path=/", "HttpOnly", "Secure", "SameSite=Strict"])
      expect(cookie).toContain(part);
    expect(cookie).not.toContain("Domain");
    expect(await answer.json()).toMatchObject({
      name: "ONCEBOX_TOKEN",
      is_open: false,
      is_dev: false,
    });
  });

  test("is refused for a wrong token, slowly, and written down", async ({ server, db }) => {
    const startedAt = performance.now();

    const answer = await post(server.url, "/ui/sign-in", { token: "x".repeat(40) }, {});

    expect(answer.status).toBe(401);
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(performance.now() - startedAt).toBeGreaterThan(400);
    const { rows } =
      await sql`select actor, subject from oncebox.acts where action = 'sign_in_refused'`.execute(
        db,
      );
    expect(rows).toEqual([{ actor: "somebody", subject: "dashboard" }]);
  });

  test("may be tried ten times a minute", async ({ server }) => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => post(server.url, "/ui/sign-in", { token: "x" }, {})),
    );

    const statuses = answers.map((it) => it.status);
    expect(statuses.filter((it) => it === 401)).toHaveLength(10);
    expect(statuses.filter((it) => it === 429)).toHaveLength(2);
    const refused = answers.find((it) => it.status === 429);
    expect(await refused?.json()).toMatchObject({ code: "ONCEBOX_RATE_LIMITED" });
    expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  test("makes a new session every time, whatever cookie came with it", async ({ server }) => {
    const planted = "__Host-oncebox=planted";

    const answer = await post(
      server.url,
      "/ui/sign-in",
      { token: HTTP.token },
      { cookie: planted },
    );

    expect(answer.headers.get("set-cookie")).not.toContain("planted");
    expect((await fetch(`${server.url}/ui/me`, { headers: { cookie: planted } })).status).toBe(401);
  });

  test("ends by signing out, by the token's end, and after thirty minutes unused", async ({
    signIn,
    db,
  }) => {
    const leaver = await signIn(["read"], "leaver");
    const revoked = await signIn(["read"], "revoked");
    const idle = await signIn(["read"], "idle");

    expect((await leaver.post("/ui/sign-out", {})).status).toBe(204);
    await sql`update oncebox.session set seen_at = now() - interval '31 minutes' where hash = sha256(${idle.cookie.split("=")[1]}::bytea)`.execute(
      db,
    );
    await revokeToken(db, "revoked", "test", "it is over");

    expect((await leaver.get("/ui/me")).status).toBe(401);
    expect((await idle.get("/ui/me")).status).toBe(401);
    await until("the token is forgotten", async () => (await revoked.get("/ui/me")).status === 401);
  });

  test("keeps neither the token nor the cookie in the database", async ({ signIn, pool }) => {
    const { cookie } = await signIn(["read"]);

    const { rows } = await pool.query(
      "select t::text as line from oncebox.session as t union all select t::text from oncebox.token as t",
    );

    expect(rows).toHaveLength(2);
    expect(JSON.stringify(rows)).not.toContain(cookie.split("=")[1]);
  });
});

describe("a page of another site", () => {
  test("changes nothing: without the page's own token, from another origin, or as a form", async ({
    server,
    signIn,
    db,
  }) => {
    const id = await makeNotification(db, { state: "pending", dueInMs: 60_000 });
    const person = await signIn(["read", "operate"]);
    const body = { action: "cancel", ids: [id], reason: REASON };

    const answers = await Promise.all([
      post(server.url, "/ui/act", body, { cookie: person.cookie }),
      person.post("/ui/act", body, { "x-csrf-token": "wrong" }),
      person.post("/ui/act", body, { origin: "https://evil.example" }),
      person.post("/ui/act", body, { "sec-fetch-site": "cross-site" }),
      person.post("/ui/act", body, { "content-type": "text/plain" }),
    ]);

    expect(answers.map((it) => it.status)).toEqual([403, 403, 403, 403, 415]);
    expect(await stateOf(db, id)).toBe("pending");
  });

  test("cannot act with the bearer API by a cookie", async ({ signIn, db }) => {
    const id = await makeNotification(db, { state: "pending", dueInMs: 60_000 });
    const person = await signIn(["read", "operate"]);

    const answer = await person.post(`/v1/notifications/${id}/cancel`, { reason: REASON });

    expect(answer.status).toBe(401);
    expect(await stateOf(db, id)).toBe("pending");
  });

  test("may not show ours in a frame, and nothing of it is kept", async ({ server, signIn }) => {
    const person = await signIn(["read"]);

    for (const answer of [await fetch(server.url), await person.get("/ui/overview")]) {
      expect(answer.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect(answer.headers.get("x-frame-options")).toBe("DENY");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      // The page itself says nothing of anybody.
      expect(answer.headers.get("cache-control")).toBe(
        answer.url.includes("/ui/") ? "no-store" : "no-cache",
      );
    }
    expect((await fetch(server.url)).headers.get("content-security-policy")).not.toContain(
      "unsafe",
    );
  });
});

describe("a level of access", () => {
  const NEEDS: readonly [scope: Scope, method: "get" | "post", path: string, body?: unknown][] = [
    ["read", "get", "/ui/overview"],
    ["read", "post", "/ui/people", { q: "a@example.kz" }],
    ["read", "get", "/ui/notifications"],
    ["read", "get", "/ui/notifications.csv"],
    ["read", "get", "/ui/doubt"],
    ["read", "get", "/ui/acts"],
    ["read", "get", "/ui/templates"],
    ["operate", "post", "/ui/preview", { action: "cancel", filter: {} }],
    ["operate", "post", "/ui/act", { action: "cancel", ids: ["1"], reason: REASON }],
    [
      "operate",
      "post",
      "/ui/leads/00000000-0000-4000-8000-000000000000/reveal",
      { reason: REASON },
    ],
    [
      "admin",
      "post",
      "/ui/templates/save",
      { kind: "proftest", channel: "sms", subject: null, body: "Привет", reason: REASON },
    ],
    [
      "admin",
      "post",
      "/ui/templates/test",
      { kind: "proftest", channel: "sms", to: "+77771234567" },
    ],
    ["admin", "post", "/ui/channels/sms/open", { reason: REASON }],
  ];
  const LEVELS: readonly (readonly Scope[])[] = [
    ["write"],
    ["read"],
    ["read", "operate"],
    ["read", "operate", "admin"],
  ];

  for (const level of LEVELS) {
    test(`of ${level.join(", ")} opens what it says and refuses the rest`, async ({ signIn }) => {
      const person = await signIn(level);

      for (const [scope, method, path, body] of NEEDS) {
        const { status } =
          method === "get" ? await person.get(path) : await person.post(path, body);
        expect([path, status === 403], `${path} answered ${status}`).toEqual([
          path,
          !level.includes(scope),
        ]);
        expect([401, 500]).not.toContain(status);
      }
    });
  }

  test("is nobody's without signing in", async ({ server }) => {
    for (const [, method, path] of NEEDS.filter(([, it]) => it === "get")) {
      expect([path, (await fetch(server.url + path, { method })).status]).toEqual([path, 401]);
    }
  });
});

describe("a person's data", () => {
  test("is masked everywhere until somebody reveals it, who is written down", async ({
    signIn,
    db,
  }) => {
    const leadId = await makeLead(db, {
      name: "Сапаргуль",
      phone: "+77019998877",
      email: "sapargul@example.kz",
    });
    await makeNotification(db, { leadId, state: "unknown" });
    const person = await signIn(["read", "operate"], "aigerim");
    const personal = ["Сапаргуль", "9998877", "sapargul"];

    for (const path of [
      `/ui/leads/${leadId}`,
      "/ui/notifications",
      "/ui/notifications.csv",
      "/ui/doubt",
    ]) {
      const text = await (await person.get(path)).text();
      expect(text, path).toContain(leadId);
      expect(
        personal.filter((it) => text.includes(it)),
        path,
      ).toEqual([]);
    }
    const found = await (await person.post("/ui/people", { q: "8 701 999 88 77" })).text();
    expect(found).toContain(leadId);
    expect(personal.filter((it) => found.includes(it))).toEqual([]);
    const revealed = await person.post(`/ui/leads/${leadId}/reveal`, { reason: REASON });
    const history = (await (await person.get(`/ui/leads/${leadId}`)).json()) as {
      history: { event: string; by: string; detail: string }[];
    };

    expect(await revealed.json()).toEqual({
      name: "Сапаргуль",
      phone: "+77019998877",
      email: "sapargul@example.kz",
    });
    expect(history.history.find((it) => it.event === "reveal")).toMatchObject({
      by: "aigerim",
      detail: REASON,
    });
  });

  test("is found by any form of the number, by the address and by the lead's id, and taken literally", async ({
    signIn,
    db,
  }) => {
    const leadId = await makeLead(db, { phone: "+77019998877", email: "Sapargul@example.kz" });
    await makeNotification(db, { leadId });
    const person = await signIn(["read"]);
    const find = async (query: string) => {
      const answer = await person.post("/ui/people", { q: query });
      return ((await answer.json()) as { items: { id: string }[] }).items.map((it) => it.id);
    };

    for (const query of ["+7 701 999 88 77", "87019998877", "sapargul@EXAMPLE.kz", leadId]) {
      expect([query, await find(query)]).toEqual([query, [leadId]]);
    }
    for (const query of [
      "%",
      "_",
      ".*",
      "'; drop table public.landing_leads; --",
      "+7701999887%",
    ]) {
      expect([query, await find(query)]).toEqual([query, []]);
    }
    expect((await person.post("/ui/people", { q: "1".repeat(10_000) })).status).toBe(400);
  });

  test("is no formula in an export", async ({ signIn, db }) => {
    const id = await makeNotification(db, { state: "cancelled" });
    await sql`update oncebox.notification set state_reason = '=cmd|'' /C calc''!A0' where id = ${id}::bigint`.execute(
      db,
    );
    const person = await signIn(["read"]);

    const csv = await (await person.get("/ui/notifications.csv?state=cancelled")).text();

    expect(csv).toContain(`'=cmd|' /C calc'!A0`);
    expect(csv).toContain("'+7777•••••67");
    expect(csv).not.toMatch(/(^|,|")[=+@-]/m);
  });
});

describe("however much readers ask for", () => {
  test("there is room for others: what is in doubt and the overview are read at once", async ({
    signIn,
    db,
    pool,
  }) => {
    await Promise.all(Array.from({ length: 30 }, () => makeNotification(db, { state: "unknown" })));
    const person = await signIn(["read"]);
    await using held = await hold(pool, "lock table oncebox.lookup in access exclusive mode");

    const doubt = person.get("/ui/doubt?limit=50");
    const overviews = Array.from({ length: 20 }, () => person.get("/ui/overview"));
    const other = await Promise.race([person.get("/ui/acts"), doubt, ...overviews]);

    expect([new URL(other.url).pathname, other.status]).toEqual(["/ui/acts", 200]);
    await held.letGo();
    expect((await Promise.all(overviews)).map((it) => it.status)).toEqual(Array(20).fill(200));
    const { items } = (await (await doubt).json()) as { items: { attempts: unknown[] }[] };
    expect(items.map((it) => it.attempts.length)).toEqual(items.map(() => 1));
    expect(items).toHaveLength(30);
  });

  test("a preview that would take long is not made", async ({ signIn }) => {
    const person = await signIn(["read"]);
    const preview = async (body: string, a: string) => {
      const text = { channel: "email", subject: "Результат", body, data: { a } };
      return await person.post("/ui/templates/preview", text);
    };

    for (const [body, value] of [
      ["{{a}}".repeat(1_600), "x ".repeat(3_500)],
      ["{{a}}", "x".repeat(501)],
      ["{{a}}".repeat(101), ""],
      ["{{a}}".repeat(20), "x ".repeat(90)],
    ] as const) {
      const answer = await preview(body, value);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({
        code: "ONCEBOX_INPUT_INVALID",
        detail: expect.stringContaining("many variables"),
      });
    }
    for (const [body, value] of [
      ["{{a}}".repeat(7), "x ".repeat(250)],
      ["{{a}}".repeat(20), "x".repeat(150)],
    ] as const) {
      expect((await preview(body, value)).status).toBe(200);
    }
  });

  test("one at a time looks through all leads", async ({ signIn, pool, db }) => {
    await makeLead(db);
    await pool.query(
      `create or replace function oncebox.leads_of(person text) returns setof uuid
         language sql as $$ select null::uuid from pg_advisory_xact_lock(7) $$`,
    );
    const person = await signIn(["read"]);
    await using held = await hold(pool, "select pg_advisory_xact_lock(7)");

    const answers: Response[] = [];
    const searches = Array.from({ length: 15 }, async (_, index) => {
      answers.push(await person.post("/ui/people", { q: `nobody-${index}@example.kz` }));
    });
    await until("all but one are refused", () => answers.length === 14);
    for (const answer of answers) {
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "5"]);
      expect(await answer.json()).toMatchObject({ code: "ONCEBOX_RATE_LIMITED" });
    }
    await held.letGo();
    await Promise.all(searches);

    expect(answers.at(-1)?.status).toBe(200);
    expect((await person.post("/ui/people", { q: "nobody@example.kz" })).status).toBe(200);
  });
});

describe("what cannot be kept", () => {
  test("is refused as the person's own slip: a text that fits no channel", async ({ signIn }) => {
    const person = await signIn(["read", "admin"]);
    const saved = { kind: "proftest", reason: REASON };

    for (const text of [
      { channel: "sms", subject: "Результат", body: "Привет" },
      { channel: "sms", subject: null, body: "я".repeat(1_001) },
      { channel: "email", subject: null, body: "Привет" },
    ]) {
      for (const answer of [
        await person.post("/ui/templates/preview", text),
        await person.post("/ui/templates/save", { ...saved, ...text }),
      ]) {
        expect(answer.status).toBe(400);
        expect(await answer.json()).toMatchObject({ code: "ONCEBOX_INPUT_INVALID" });
      }
    }
  });

  test("is refused wherever it is typed: a NUL", async ({ signIn, db }) => {
    const id = await makeNotification(db, { dueInMs: 60_000 });
    const person = await signIn(["read", "operate", "admin"]);
    const text = { kind: "proftest", channel: "sms", subject: null };

    for (const answer of [
      await person.post("/ui/people", { q: "a\0@example.kz" }),
      await person.post("/ui/act", { action: "cancel", ids: [id], reason: "she\0called" }),
      await person.post("/ui/templates/save", { ...text, body: "При\0вет", reason: REASON }),
      await person.post("/ui/channels/sms/open", { reason: "it\0is well" }),
    ]) {
      expect([answer.url, answer.status]).toEqual([answer.url, 400]);
      expect(await answer.json()).toMatchObject({ code: "ONCEBOX_INPUT_INVALID" });
    }
    expect(await stateOf(db, id)).toBe("pending");
  });
});

describe("acting on many", () => {
  test("first says how many and which, then does exactly those, each with its audit row", async ({
    signIn,
    db,
  }) => {
    const pending = await Promise.all(
      Array.from({ length: 3 }, () => makeNotification(db, { dueInMs: 60_000 })),
    );
    const sent = await makeNotification(db, { state: "sent" });
    const person = await signIn(["read", "operate"], "aigerim");

    const preview = (await (
      await person.post("/ui/preview", { action: "cancel", ids: [...pending, sent] })
    ).json()) as { ids: string[] };
    const all = await (
      await person.post("/ui/preview", { action: "cancel", filter: { channel: "sms" } })
    ).json();
    const result = await (
      await person.post("/ui/act", {
        action: "cancel",
        ids: [...preview.ids, sent],
        reason: REASON,
      })
    ).json();

    expect(preview).toMatchObject({
      count: 3,
      refused: [{ id: sent, reason: "sent" }],
      is_cut: false,
    });
    expect(all).toMatchObject({ count: 3, is_cut: false });
    expect(result).toMatchObject({
      done: preview.ids,
      refused: [{ id: sent, code: "ONCEBOX_MOVE_REFUSED" }],
    });
    const { rows } =
      await sql`select actor, reason, to_state from oncebox.acts where action = 'cancel'`.execute(
        db,
      );
    expect(rows).toEqual(
      pending.map(() => ({ actor: "aigerim", reason: REASON, to_state: "cancelled" })),
    );
  });

  test("tells what it did before the database was in its way", async ({ signIn, db, pool }) => {
    const sent = await makeNotification(db, { state: "sent" });
    const [first, second, third] = await Promise.all(
      Array.from({ length: 3 }, () => makeNotification(db, { dueInMs: 60_000 })),
    );
    const person = await signIn(["read", "operate"]);
    const asked = { action: "cancel", reason: REASON };
    await using _ = await hold(
      pool,
      `select from oncebox.notification where id = ${second} for update`,
    );

    const answer = await person.post("/ui/act", { ...asked, ids: [first, sent, second, third] });
    const alone = await person.post("/ui/act", { ...asked, ids: [second] });

    expect([answer.status, await answer.json()]).toEqual([
      200,
      {
        done: [first],
        refused: [expect.objectContaining({ id: sent })],
        unanswered: second,
        not_tried: [third],
      },
    ]);
    expect(alone.status).toBe(503);
  });

  test("resolves what is in doubt as the person says, and wants to be told", async ({
    signIn,
    db,
  }) => {
    const ids = await Promise.all(
      Array.from({ length: 3 }, () => makeNotification(db, { state: "unknown" })),
    );
    const person = await signIn(["read", "operate"]);
    const outcomes = ["sent", "not_sent", "send_again"];

    const without = await person.post("/ui/act", { action: "resolve", ids, reason: REASON });
    for (const [index, outcome] of outcomes.entries()) {
      await person.post("/ui/act", {
        action: "resolve",
        outcome,
        ids: [ids[index]],
        reason: REASON,
      });
    }

    expect(without.status).toBe(400);
    expect(await Promise.all(ids.map((id) => stateOf(db, id)))).toEqual([
      "sent",
      "failed",
      "pending",
    ]);
  });
});

describe("the live overview", () => {
  test("comes at once, again by itself, and ends with the server", async ({ databaseUrl, db }) => {
    const server = await startServer(
      { databaseUrl, http: { ...HTTP, token: null } },
      createLogger("silent"),
    );
    const stream = await watch(server, {});

    await until("it is there", () => stream.text.includes("event: overview"));
    await makeNotification(db, { state: "unknown" });
    await until("it tells of the one in doubt", () => stream.text.includes('"in_doubt"'));
    await server.close();

    expect(stream.type).toContain("text/event-stream");
    await until("it has ended", () => stream.isOver);
  });

  test("ends for a token that is revoked, and its places are free again", async ({
    server,
    db,
  }) => {
    const bearer = async (name: string) => ({
      authorization: `Bearer ${await makeToken(db, { name, scopes: ["read"], source: name, expiresAt: null, actor: "test" })}`,
    });
    const leaver = await bearer("leaver");
    const stayer = await bearer("stayer");
    const stays = await watch(server, stayer);
    const places = await Promise.all(Array.from({ length: 199 }, () => watch(server, leaver)));
    expect((await watch(server, stayer)).status).toBe(503);

    await revokeToken(db, "leaver", "test", "it is over");
    await until("all of them have ended", () => places.every((it) => it.isOver));
    const known = stays.text.length;
    await until("the other goes on", () => stays.text.length > known);

    expect(stays.isOver).toBe(false);
    expect((await watch(server, stayer)).status).toBe(200);
    expect((await watch(server, leaver)).status).toBe(401);
  });

  test("ends by signing out, and with a session that nobody uses", async ({
    server,
    signIn,
    db,
  }) => {
    const leaver = await signIn(["read"], "leaver");
    const idle = await signIn(["read"], "idle");
    const [left, watched, stays] = await Promise.all([
      watch(server, { cookie: leaver.cookie }),
      watch(server, { cookie: idle.cookie }),
      watch(server, { authorization: `Bearer ${HTTP.token}`, cookie: leaver.cookie }),
    ]);
    await sql`update oncebox.session set seen_at = now() - interval '29 minutes 58 seconds'
               where hash = sha256(${idle.cookie.split("=")[1]}::bytea)`.execute(db);

    expect((await leaver.post("/ui/sign-out", {})).status).toBe(204);

    // At once, and not when everybody is asked.
    await until("who signed out sees no more", () => left.isOver, 3_000);
    expect(watched.isOver).toBe(false);
    await until("the other session is over, too", () => watched.isOver);
    expect(stays.isOver).toBe(false);
  });
});

interface Stream {
  readonly status: number;
  readonly type: string | null;
  /** All that came so far. */
  readonly text: string;
  readonly isOver: boolean;
}

async function watch({ url }: Server, headers: Record<string, string>): Promise<Stream> {
  const answer = await fetch(`${url}/ui/live`, { headers });
  const stream = {
    ...{ status: answer.status, type: answer.headers.get("content-type") },
    ...{ text: "", isOver: false },
  };
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  void (async () => {
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
      stream.text += part.value;
  })()
    // Cut off, which is an end, too.
    .catch(() => {})
    .finally(() => {
      stream.isOver = true;
    });
  return stream;
}
