import { describe, expect } from "vitest";
import { revokeToken } from "../../src/outbox/tokens.ts";
import { hold } from "../support/hold.ts";
import { until } from "../support/until.ts";
import { ask, countLeads, get, LEAD, post, talk, test } from "./support/http.ts";

const UNKNOWN_ID = "3f1e0f5c-2b6a-4c53-9d0a-0b6d3a2f1c44";
const REASON = { reason: "for a test" };

describe("B13: who may do what", () => {
  test("no token, a wrong one, an expired one, a revoked one: 401, before anything is read", async ({
    serve,
    bearer,
    db,
    pool,
  }) => {
    const good = await bearer("good", ["write"]);
    const expired = await bearer("expired", ["write"], new Date(Date.now() - 1_000));
    const revoked = await bearer("revoked", ["write"]);
    await revokeToken(db, "revoked", "a test", "given back");
    const { url } = await serve();

    const secret = `${good.authorization}`.slice("Bearer ".length);
    const shown: readonly (readonly [what: string, headers: Record<string, string>])[] = [
      ["none", {}],
      ["expired", expired],
      ["revoked", revoked],
      ["one character too many", { authorization: `Bearer ${secret}x` }],
      ["one character less", { authorization: `Bearer ${secret.slice(0, -1)}` }],
      ["in other letters", { authorization: `Bearer ${secret.toUpperCase()}` }],
      ["empty", { authorization: "Bearer " }],
      ["without its word", { authorization: secret }],
      ["as a password", { authorization: `Basic ${btoa(`good:${secret}`)}` }],
      ["in a cookie", { cookie: `token=${secret}` }],
      ["in a header of another name", { "x-api-key": secret }],
      ["very long", { authorization: `Bearer ${"x".repeat(5_000)}` }],
    ];
    for (const [what, headers] of shown) {
      const answer = await post(`${url}/v1/leads`, "no JSON at all", headers);
      expect([what, answer.status, answer.body.code]).toEqual([
        ...[what, 401, "ONCEBOX_UNAUTHENTICATED"],
      ]);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
      expect(answer.text).not.toContain(secret);
    }
    expect((await post(`${url}/v1/leads`, LEAD, good)).status).toBe(201);
    expect(
      (await post(`${url}/v1/leads`, LEAD, { authorization: `bearer ${secret}` })).status,
    ).toBe(201);
    expect(await countLeads(pool)).toBe(2);
  });

  test("a scope that the token has not is 403, and changes nothing", async ({
    serve,
    bearer,
    pool,
  }) => {
    const write = await bearer("site", ["write"]);
    const read = await bearer("reader", ["read"]);
    const operate = await bearer("operator", ["read", "operate"]);
    const { url } = await serve();
    const created = await post(`${url}/v1/leads`, LEAD, write);
    const { rows } = await pool.query<{ id: string }>(
      "select id::text from oncebox.notification order by id",
    );
    const cancel = `${url}/v1/notifications/${rows[0]?.id}/cancel`;

    for (const answer of [
      await post(`${url}/v1/leads`, LEAD, read),
      await post(`${url}/v1/leads:batch`, [LEAD], operate),
      await get(`${url}/v1/leads/${created.body.lead_id}`, write),
      await get(`${url}/v1/notifications`, write),
      await post(cancel, REASON, read),
      await post(cancel, REASON, write),
    ]) {
      expect(answer).toMatchObject({ status: 403, body: { code: "ONCEBOX_FORBIDDEN" } });
    }
    expect(await countLeads(pool)).toBe(1);
    expect((await get(`${url}/v1/leads/${created.body.lead_id}`, read)).status).toBe(200);
    expect((await post(cancel, REASON, operate)).body).toMatchObject({ state: "cancelled" });
    expect(
      (await pool.query("select actor, reason from oncebox.audit where action = 'cancel'")).rows,
    ).toEqual([{ actor: "operator", reason: "for a test" }]);
  });

  test("a token registers leads of its own source only", async ({ serve, bearer, pool }) => {
    const site = await bearer("site", ["write"]);
    const { url } = await serve();

    expect((await post(`${url}/v1/leads`, { ...LEAD, source: "site" }, site)).status).toBe(201);
    expect(await post(`${url}/v1/leads`, { ...LEAD, source: "shop" }, site)).toMatchObject({
      status: 403,
      body: { code: "ONCEBOX_FORBIDDEN" },
    });
    expect((await pool.query("select source from oncebox.registration")).rows).toEqual([
      { source: "site" },
    ]);
  });

  test("ONCEBOX_TOKEN may do everything, of any source", async ({ serve, pool }) => {
    const token = "a-secret-of-32-characters-or-more";
    const { url } = await serve({ http: { token } });
    const headers = { authorization: `Bearer ${token}` };

    expect((await post(`${url}/v1/leads`, { ...LEAD, source: "shop" }, headers)).status).toBe(201);
    expect((await get(`${url}/v1/notifications`, headers)).body.items).toHaveLength(2);
    expect((await get(`${url}/v1/notifications`)).status).toBe(401);
    expect((await pool.query("select source from oncebox.registration")).rows).toEqual([
      { source: "shop" },
    ]);
  });

  test("a token that is revoked is good for five seconds more at most", async ({
    serve,
    bearer,
    db,
  }) => {
    const site = await bearer("site", ["read"]);
    const { url } = await serve();
    expect((await get(`${url}/v1/notifications`, site)).status).toBe(200);

    const revokedAt = performance.now();
    await revokeToken(db, "site", "a test", "given back");
    await until("it is refused", async () => {
      return (await get(`${url}/v1/notifications`, site)).status === 401;
    });

    expect(performance.now() - revokedAt).toBeLessThan(7_000);
  });
});

test("of a secret only the hash is kept, and of a use the minute", async ({
  serve,
  bearer,
  pool,
}) => {
  const site = await bearer("site", ["write"]);
  const { url } = await serve();
  await post(`${url}/v1/leads`, LEAD, site);
  const secret = `${site.authorization}`.slice("Bearer ".length);

  const { rows: tables } = await pool.query<{ name: string }>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
      where table_schema in ('oncebox', 'public', 'graphile_worker') and table_type = 'BASE TABLE'`,
  );
  for (const { name } of tables) {
    const { rows } = await pool.query<{ row: string }>(`select t::text as row from ${name} as t`);
    expect(rows.filter(({ row }) => row.includes(secret) || row.includes(secret.slice(8)))).toEqual(
      [],
    );
  }
  expect(tables.map((it) => it.name)).toContain("oncebox.token");
  expect(
    (await pool.query("select name, last_used_at is not null as used from oncebox.tokens")).rows,
  ).toEqual([{ name: "site", used: true }]);
});

describe("however much nobody asks", () => {
  const TOKEN = "a-secret-of-32-characters-or-more";
  const headers = { authorization: `Bearer ${TOKEN}` };
  const WAYS: readonly (readonly [what: string, table: string, path: string, shown: string])[] = [
    ["made-up tokens", "oncebox.token", "/v1/notifications", "authorization"],
    ["made-up cookies", "oncebox.session", "/ui/me", "cookie"],
    ["probes", "oncebox.migration", "/readyz", "x-nothing"],
  ];

  for (const [what, table, path, shown] of WAYS) {
    test(`${what} leave room for who may ask`, async ({ serve, pool }) => {
      const { url } = await serve({ http: { token: TOKEN } });
      await using held = await hold(pool, `lock table ${table} in access exclusive mode`);
      const strangers = Array.from({ length: 50 }, (_, index) => {
        const secret = `__Host-oncebox=${index}`;
        const value = shown === "cookie" ? secret : `Bearer ${index}`;
        return get(`${url}${path}`, { [shown]: value });
      });

      const first = await Promise.race([get(`${url}/v1/notifications`, headers), ...strangers]);

      expect([first.status, first.body.items]).toEqual([200, []]);
      await held.letGo();
      const statuses = new Set((await Promise.all(strangers)).map((it) => it.status));
      expect([...statuses]).toEqual([path === "/readyz" ? 200 : 401]);
    });
  }

  test("a token that is good is found among many that are not", async ({ serve, bearer }) => {
    const reader = await bearer("reader", ["read"]);
    const { url } = await serve();
    const ask = (it: Record<string, string>) => get(`${url}/v1/notifications`, it);

    const strangers = Array.from({ length: 500 }, (_, index) =>
      ask({ authorization: `Bearer ${index}` }),
    );
    const known = await Promise.all(Array.from({ length: 50 }, () => ask(reader)));

    expect(new Set(known.map((it) => it.status))).toEqual(new Set([200]));
    const statuses = (await Promise.all(strangers)).map((it) => it.status);
    expect(new Set(statuses)).toEqual(new Set([401]));
  });
});

describe("on loopback", () => {
  test("while there is no token whoever can connect may do everything; the first one ends that", async ({
    serve,
    bearer,
    pool,
  }) => {
    const { url } = await serve();
    expect((await post(`${url}/v1/leads`, LEAD)).status).toBe(201);
    expect((await get(`${url}/v1/notifications`)).status).toBe(200);

    const reader = await bearer("reader", ["read"]);
    await until("a token is asked for", async () => {
      return (await get(`${url}/v1/notifications`)).status === 401;
    });

    expect((await get(`${url}/v1/notifications`, reader)).status).toBe(200);
    expect((await post(`${url}/v1/leads`, LEAD)).status).toBe(401);
    expect(await countLeads(pool)).toBe(1);
  });

  test("nobody is let in on what was so once: the first request after the first token is nobody's", async ({
    serve,
    bearer,
    pool,
  }) => {
    const { url } = await serve();
    await bearer("reader", ["read"]);

    expect((await post(`${url}/v1/leads`, LEAD)).status).toBe(401);
    expect(await countLeads(pool)).toBe(0);
  });

  test("no server is open again once all tokens are over, nor one that starts then", async ({
    serve,
    bearer,
    db,
  }) => {
    const { url } = await serve();
    await bearer("expired", ["read"], new Date(Date.now() - 1_000));
    const reader = await bearer("reader", ["read"]);
    await until("a token is asked for", async () => {
      return (await get(`${url}/v1/notifications`)).status === 401;
    });
    await revokeToken(db, "reader", "a test", "given back");
    const later = await serve();

    await until("the last one is refused", async () => {
      return (await get(`${url}/v1/notifications`, reader)).status === 401;
    });

    for (const it of [url, later.url]) {
      expect((await get(`${it}/v1/notifications`)).status).toBe(401);
      expect((await post(`${it}/v1/leads`, LEAD)).status).toBe(401);
    }
  });

  test("what is counted is for readers, once a token was made", async ({ serve, bearer }) => {
    const open = await serve();
    const read = await bearer("reader", ["read"]);
    const write = await bearer("site", ["write"]);
    const closed = await serve();
    const { url } = closed;

    expect((await get(`${url}/metrics`)).status).toBe(401);
    expect((await get(`${url}/metrics`, write)).status).toBe(403);
    expect((await get(`${url}/metrics`, read)).text).toContain("oncebox_");
    await until("it is for readers there, too", async () => {
      return (await get(`${open.url}/metrics`)).status === 401;
    });
  });

  test("a name that is not loopback's is refused while nobody shows a token (DNS rebinding)", async ({
    serve,
    bearer,
  }) => {
    const open = await serve();
    const asked = async (url: string, host: string) => {
      const head = `GET /v1/notifications HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      return (await talk(url, head)).split(" ")[1];
    };

    for (const host of [
      ...["evil.example", "evil.example:4600", "localhost.evil.example", "127.0.0.1.evil.example"],
      ...["10.0.0.1", "[fe80::1]:4600", ""],
    ]) {
      expect([host, await asked(open.url, host)]).toEqual([host, "400"]);
    }
    for (const host of ["localhost", "localhost:4600", "127.0.0.1:80", "[::1]:4600", "[::1]"]) {
      expect([host, await asked(open.url, host)]).toEqual([host, "200"]);
    }
    // Behind a proxy we are asked by the name that the world knows.
    await bearer("site", ["write"]);
    const closed = await serve();
    expect(await asked(closed.url, "leads.example.kz")).toBe("401");
  });
});

test("an address that others can reach needs a token, or nothing starts", async ({
  serve,
  bearer,
}) => {
  for (const host of ["0.0.0.0", "::"]) {
    await expect(serve({ http: { host } })).rejects.toMatchObject({
      code: "ONCEBOX_CONFIG_INVALID",
      message: expect.stringContaining(host),
      hint: expect.stringContaining("oncebox tokens make"),
    });
  }

  await bearer("expired", ["write"], new Date(Date.now() - 1_000));
  const { url } = await serve({ http: { host: "0.0.0.0" } });
  expect((await fetch(`${url.replace("0.0.0.0", "127.0.0.1")}/v1/notifications`)).status).toBe(401);
});

describe("B45: what a page of another site sends", () => {
  test("is refused, with a token or without", async ({ serve, bearer, pool }) => {
    const tryAll = async (url: string, shown: Record<string, string>) => {
      const { host } = new URL(url);
      for (const headers of [
        { origin: "https://evil.example" },
        { origin: "null" },
        { origin: "http://127.0.0.1:1" },
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site" },
        { "sec-fetch-site": "cross-site", origin: `http://${host}` },
      ]) {
        expect(await post(`${url}/v1/leads`, LEAD, { ...headers, ...shown })).toMatchObject({
          status: 403,
          body: { code: "ONCEBOX_FORBIDDEN" },
        });
      }
      for (const headers of [
        { origin: `http://${host}` },
        { "sec-fetch-site": "same-origin", origin: "https://leads.example.kz" },
        { "sec-fetch-site": "none" },
      ]) {
        const answer = await post(`${url}/v1/leads`, LEAD, { ...headers, ...shown });
        expect(answer.status).toBe(201);
      }
    };

    await tryAll((await serve()).url, {});
    expect(await countLeads(pool)).toBe(3);
    const site = await bearer("site", ["write"]);
    await tryAll((await serve()).url, site);
    expect(await countLeads(pool)).toBe(6);
  });

  test("is told by nothing that it may try: no CORS headers, and no page may frame us", async ({
    serve,
  }) => {
    const { url } = await serve();

    for (const answer of [
      await ask(`${url}/v1/leads`, {
        method: "OPTIONS",
        headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
      }),
      await get(`${url}/v1/notifications`, { origin: "https://evil.example" }),
      await get(`${url}/nowhere`),
    ]) {
      const names = [...answer.headers.keys()];
      expect(names.filter((it) => it.startsWith("access-control-"))).toEqual([]);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        "cache-control": "no-store",
        "content-security-policy": expect.stringContaining("default-src 'none'"),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
      });
    }
  });
});

test("a request that changes something is never a GET", async ({ serve, pool }) => {
  const { url } = await serve();
  await post(`${url}/v1/leads`, LEAD);
  const { rows } = await pool.query<{ id: string }>("select id::text from oncebox.notification");

  for (const act of ["cancel", "retry", "resolve"]) {
    for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
      expect((await ask(`${url}/v1/notifications/${rows[0]?.id}/${act}`, { method })).status).toBe(
        405,
      );
    }
  }
  expect((await get(`${url}/v1/leads/${UNKNOWN_ID}`)).status).toBe(404);
});
