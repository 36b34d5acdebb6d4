import { describe, expect } from "vitest";
import { ask, countLeads, get, LEAD, post, talk, test } from "./support/http.ts";

/** What every refusal looks like. */
function problem(status: number, code: string) {
  return {
    status,
    body: {
      type: `urn:oncebox:${code}`,
      title: expect.any(String),
      status,
      code,
      detail: expect.any(String),
      hint: expect.any(String),
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    },
  };
}

function wrongFields(...fields: (string | null)[]) {
  const expected = problem(400, expect.stringMatching(/^ONCEBOX_(?:INPUT|LEAD)_INVALID$/));
  return {
    ...expected,
    body: {
      ...expected.body,
      type: expect.any(String),
      errors: fields.map((field) => ({
        field,
        message: expect.any(String),
        hint: expect.any(String),
      })),
    },
  };
}

const REFUSED = problem(400, "ONCEBOX_REQUEST_REFUSED");

describe("B1: a body that is no JSON, or that two readers would read differently", () => {
  const bodies: readonly (readonly [what: string, body: string | Buffer])[] = [
    ["is empty", ""],
    ["is blank", "  \n"],
    ["is not JSON", "phone=7771234567"],
    ["breaks off", '{"phone": "77712'],
    ["has a key twice", '{"phone": "+77771234567", "phone": "+77771234568"}'],
    ["has a key twice, once escaped", '{"phone": "+77771234567", "\\u0070hone": "+77771234568"}'],
    ["begins with a byte order mark", `\ufeff${JSON.stringify(LEAD)}`],
    ["is UTF-16", Buffer.from(JSON.stringify(LEAD), "utf16le")],
    ["has bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["has a comment", '{"phone": "+77771234567" /* hi */}'],
    ["has a number as NaN", '{"phone": NaN}'],
  ];

  test("is 400", async ({ serve, pool }) => {
    const { url } = await serve();

    for (const [what, body] of bodies) {
      expect([what, await post(`${url}/v1/leads`, body)]).toMatchObject([what, REFUSED]);
    }
    for (const body of ["null", "7", '"a"', "[]", "true"]) {
      expect(await post(`${url}/v1/leads`, body)).toMatchObject(wrongFields(null));
    }
    expect(await ask(`${url}/v1/leads`, { method: "POST" })).toMatchObject(wrongFields(null));
    expect(await countLeads(pool)).toBe(0);
  });

  test("with a NUL or half a surrogate pair in a text, or in a key, never reaches Postgres", async ({
    serve,
    pool,
  }) => {
    const { url } = await serve();

    for (const body of [
      String.raw`{"phone": "+77771234567", "name": "a\u0000b"}`,
      String.raw`{"phone": "+77771234567", "name": "a\ud800b"}`,
    ]) {
      expect(await post(`${url}/v1/leads`, body)).toMatchObject(wrongFields("name"));
    }
    expect(
      await post(`${url}/v1/leads`, String.raw`{"phone": "+77771234567", "data": {"a\u0000": 1}}`),
    ).toMatchObject(wrongFields("data"));
    expect(await countLeads(pool)).toBe(0);
  });
});

test("B2: a body of another content type is 415, so that no form of another page gets in", async ({
  serve,
  pool,
}) => {
  const { url } = await serve();

  for (const type of [
    ...["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
    ...["application/jsonp", "text/json", "nonsense"],
  ]) {
    expect(await post(`${url}/v1/leads`, LEAD, { "content-type": type })).toMatchObject(
      problem(415, "ONCEBOX_REQUEST_REFUSED"),
    );
  }
  expect(await countLeads(pool)).toBe(0);
});

describe("B6: JSON made to hurt", () => {
  test("10,000 levels deep", async ({ serve }) => {
    const { url } = await serve();
    const deep = `${"[".repeat(6_000)}${"]".repeat(6_000)}`;

    expect(await post(`${url}/v1/leads`, `{"data": ${deep}}`)).toMatchObject(REFUSED);
    expect(await post(`${url}/v1/leads:batch`, "[".repeat(10_000))).toMatchObject(REFUSED);
  });

  test("a million keys are too large, ten thousand are keys of no lead", async ({ serve }) => {
    const { url } = await serve();
    const keys = (count: number) =>
      `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join()}}`;

    expect(await post(`${url}/v1/leads`, keys(100_000))).toMatchObject(
      problem(413, "ONCEBOX_REQUEST_REFUSED"),
    );
    expect((await post(`${url}/v1/leads:batch`, `[${keys(10_000)}]`)).body[0].error).toMatchObject({
      code: "ONCEBOX_INPUT_INVALID",
    });
  });

  test("__proto__, constructor and keys that no lead has", async ({ serve, pool }) => {
    const { url } = await serve();

    expect(
      await post(`${url}/v1/leads`, '{"phone": "+77771234567", "__proto__": {"source": "x"}}'),
    ).toMatchObject(REFUSED);
    expect(
      await post(`${url}/v1/leads`, '{"phone": "+77771234567", "data": {"__proto__": 1}}'),
    ).toMatchObject(REFUSED);
    for (const key of ["constructor", "prototype", "toString", "bcc", "sms_sent", "id"]) {
      expect(await post(`${url}/v1/leads`, { ...LEAD, [key]: "x" })).toMatchObject(
        wrongFields(key),
      );
    }
    expect(await countLeads(pool)).toBe(0);
    expect(({} as Record<string, unknown>).source).toBeUndefined();
  });
});

describe("B7: numbers and dates that are none", () => {
  test("numbers that JavaScript or another reader would change", async ({ serve }) => {
    const { url } = await serve();

    for (const number of ["1e400", "-1e400", "9007199254740993", "-0", "-0.0", "1e17"]) {
      expect(
        await post(`${url}/v1/leads`, `{"phone": "+77771234567", "data": {"n": ${number}}}`),
      ).toMatchObject(REFUSED);
    }
  });

  test("days that no calendar has, years that are a slip, infinity", async ({ serve, pool }) => {
    const { url } = await serve();

    for (const due_at of [
      ...["2026-02-30T00:00:00Z", "9999-12-31", "1999-12-31T23:59:59Z", "infinity", "-infinity"],
      ...["soon", "1e400", "2026-01-31T25:00:00Z"],
    ]) {
      expect(await post(`${url}/v1/leads`, { ...LEAD, due_at })).toMatchObject(
        wrongFields("due_at"),
      );
    }
    expect(await post(`${url}/v1/leads`, { ...LEAD, expires_at: "2026-02-30" })).toMatchObject(
      wrongFields("expires_at"),
    );
    expect(await post(`${url}/v1/leads`, { ...LEAD, due_at: 1_700_000_000 })).toMatchObject(
      wrongFields("due_at"),
    );
    expect(await countLeads(pool)).toBe(0);
  });
});

describe("B14: addresses and methods that are not ours", () => {
  test("traversal, encoded slashes and trailing slashes lead nowhere", async ({ serve }) => {
    const { url } = await serve();

    for (const path of [
      ...["/v1/leads/../../etc/passwd", "/../../etc/passwd", "/assets/../../package.json"],
      ...["/assets/%2e%2e/%2e%2e/package.json", "/assets/..%2f..%2fpackage.json"],
      ...["/v1%2Fleads", "/v1/leads/", "/v1/notifications/", "//v1/leads", "/V1/LEADS"],
      ...["/v1/leads;a=b", "/healthz/", "/docs/static/..%2f..%2fpackage.json"],
    ]) {
      const answer = await talk(
        url,
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      expect([path, answer.split("\r\n")[0]]).toEqual([path, expect.stringMatching(/ 40[034] /)]);
      expect(answer).not.toMatch(/root:|"dependencies"/);
    }
  });

  test("an address that cannot be decoded, or is too long", async ({ serve }) => {
    const { url } = await serve();

    expect(await get(`${url}/v1/leads/%zz`)).toMatchObject(REFUSED);
    expect(await get(`${url}/v1/leads/${"a".repeat(500)}`)).toMatchObject(
      problem(414, "ONCEBOX_REQUEST_REFUSED"),
    );
  });

  test("a method that the address does not take is 405 with those that it does", async ({
    serve,
    bearer,
  }) => {
    await bearer("site", ["write"]);
    const { url } = await serve();
    const id = "3f1e0f5c-2b6a-4c53-9d0a-0b6d3a2f1c44";
    const allowed: readonly [method: string, path: string, allow: string][] = [
      ["GET", "/v1/leads", "POST"],
      ["PUT", "/v1/leads", "POST"],
      ["OPTIONS", "/v1/leads", "POST"],
      ["GET", "/v1/leads:batch", "POST"],
      ["DELETE", `/v1/leads/${id}`, "GET, HEAD"],
      ["POST", "/v1/notifications", "GET, HEAD"],
      ["PATCH", "/v1/notifications/1042", "GET, HEAD"],
      ["GET", "/v1/notifications/1042/cancel", "POST"],
      ["POST", "/healthz", "GET, HEAD"],
    ];

    for (const [method, path, allow] of allowed) {
      const answer = await ask(`${url}${path}`, { method });
      expect(answer).toMatchObject(problem(405, "ONCEBOX_REQUEST_REFUSED"));
      expect([method, path, answer.headers.get("allow")]).toEqual([method, path, allow]);
    }
  });

  test("TRACE, CONNECT and methods that nobody knows", async ({ serve }) => {
    const { url } = await serve();
    const first = async (head: string) =>
      (await talk(url, `${head}\r\nHost: localhost\r\nConnection: close\r\n\r\n`)).split("\r\n")[0];

    expect(await first("TRACE /v1/leads HTTP/1.1")).toMatch(/ 405 /);
    expect(await first("PROPFIND /v1/leads HTTP/1.1")).toMatch(/ 40[45] /);
    expect(await first("BREW /v1/leads HTTP/1.1")).toMatch(/ 400 /);
    // Node hangs up on who wants a tunnel.
    expect(await first("CONNECT example.com:443 HTTP/1.1")).toBe("");
  });

  test("of a whole URL in the first line, or a host that is not ours, nothing comes back", async ({
    serve,
  }) => {
    const { url } = await serve();

    const whole = await talk(
      url,
      "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    const spoofed = await talk(
      url,
      "POST /v1/leads HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    );

    expect(whole).toMatch(/^HTTP\/1\.1 (?:200|404) /);
    expect(spoofed).toMatch(/^HTTP\/1\.1 400 /);
    expect(`${whole}${spoofed}`).not.toContain("evil");
  });
});

test("every field that is wrong is listed, with what it wants", async ({ serve, pool }) => {
  const { url } = await serve();

  const values = await post(`${url}/v1/leads`, {
    ...{ phone: "77", email: "no", name: "x".repeat(300), due_at: "2026-02-30", kind: "a b" },
    ...{ source: "s".repeat(200), data: { result_url: "https://example.kz" } },
  });
  const types = await post(`${url}/v1/leads`, {
    ...{ phone: 7_771_234_567, email: ["a@example.kz"], name: { first: "A" }, data: "x", bcc: "y" },
  });

  expect(values).toMatchObject(wrongFields("phone", "email", "name", "source", "kind", "due_at"));
  expect(values.body).toMatchObject({
    code: "ONCEBOX_LEAD_INVALID",
    hint: "Correct what errors lists.",
  });
  expect(types).toMatchObject(wrongFields("name", "phone", "email", "data", "bcc"));
  expect(types.body.detail).toBe(
    "name is an object, wanted a string; phone is a number, wanted a string; " +
      'email is an array, wanted a string; data is a string, wanted an object; "bcc" is not taken here',
  );
  expect(await countLeads(pool)).toBe(0);
});

test("one wrong field makes no other one wrong", async ({ serve, pool }) => {
  const { url } = await serve();
  await pool.query(
    "insert into oncebox.template (kind, channel, body) values ('webinar', 'sms', 'See {{url}}')",
  );

  for (const [field, lead] of [
    ["phone", { phone: "77" }],
    ["email", { email: "no" }],
    ["email", { ...LEAD, email: "no" }],
    ["phone", {}],
    ["phone", { name: "Айгерим" }],
    ["data", { phone: LEAD.phone, kind: "webinar" }],
    ["kind", { ...LEAD, kind: "nope" }],
  ] as const) {
    expect([field, await post(`${url}/v1/leads`, lead)]).toMatchObject([
      field,
      { status: 400, body: { errors: [{ field }] } },
    ]);
  }
});

test("a query that means nothing is 400, a token in it too", async ({ serve, bearer }) => {
  const { url } = await serve({ http: { token: "t".repeat(32) } });
  const headers = await bearer("all", ["write", "read", "operate"]);
  const secret = headers.authorization?.slice("Bearer ".length);

  for (const name of ["token", "access_token", "limt"]) {
    for (const path of ["/v1/notifications", "/v1/leads/3f1e0f5c-2b6a-4c53-9d0a-0b6d3a2f1c44"]) {
      expect(await get(`${url}${path}?${name}=${secret}`, headers)).toMatchObject(
        wrongFields(name),
      );
      expect(await get(`${url}${path}?${name}=${secret}`)).toMatchObject({ status: 401 });
    }
    expect(await post(`${url}/v1/leads?${name}=1`, LEAD, headers)).toMatchObject(wrongFields(name));
  }
  expect(
    (await get(`${url}/v1/notifications?limit=0&state=lost&cursor=x`, headers)).body.errors,
  ).toMatchObject([{ field: "state" }, { field: "cursor" }, { field: "limit" }]);
});
