import { describe, expect } from "vitest";
import { eraseLead } from "../../src/outbox/erase.ts";
import { startProxy } from "../../src/verify/proxy.ts";
import { randomOf } from "../../src/verify/random.ts";
import { until } from "../support/until.ts";
import { countLeads, countOf, LEAD, post, talk, test } from "./support/http.ts";

describe("B9: the same key with the same content", () => {
  test("is registered once: 201, then 200 with the same body, and counted", async ({
    serve,
    pool,
  }) => {
    const { url } = await serve();
    const key = { "idempotency-key": "form-8f2c" };

    const first = await post(`${url}/v1/leads`, LEAD, key);
    const second = await post(`${url}/v1/leads`, LEAD, key);

    expect(first).toMatchObject({ status: 201, body: { lead_id: expect.any(String) } });
    expect(first.headers.get("location")).toBe(`/v1/leads/${first.body.lead_id}`);
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    expect(second).toMatchObject({ status: 200, text: first.text });
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(second.headers.get("location")).toBe(first.headers.get("location"));
    expect(await countLeads(pool)).toBe(1);
    expect((await pool.query("select repeats from oncebox.registration")).rows).toEqual([
      { repeats: 1 },
    ]);
  });

  test("is registered once by 100 requests at the same moment, and all are answered well", async ({
    serve,
    pool,
  }) => {
    const { url } = await serve();

    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        post(`${url}/v1/leads`, LEAD, { "idempotency-key": "form-8f2c" }),
      ),
    );

    expect(answers.filter((it) => it.status === 201)).toHaveLength(1);
    expect(answers.filter((it) => it.status === 200)).toHaveLength(99);
    expect(new Set(answers.map((it) => it.text)).size).toBe(1);
    expect(await countLeads(pool)).toBe(1);
    expect(await countOf(pool, "oncebox.notification")).toBe(2);
  });

  test("is 409 while the first is still under way after two seconds, and then the first's answer", async ({
    serve,
    pool,
  }) => {
    const { url } = await serve();
    const client = await pool.connect();
    await client.query("begin");
    const { rows } = await client.query<{ lead_id: string }>(
      `select lead_id from oncebox.register_lead(name => $1, phone => $2, email => $3, data => $4,
                                                 idempotency_key => 'form-8f2c')`,
      [LEAD.name, LEAD.phone, LEAD.email, LEAD.data],
    );
    const key = { "idempotency-key": "form-8f2c" };

    const [refused, another] = await Promise.all([
      post(`${url}/v1/leads`, LEAD, key),
      post(`${url}/v1/leads`, LEAD, { "idempotency-key": "form-8f2d" }),
    ]);
    await client.query("commit");
    client.release();

    expect(refused).toMatchObject({ status: 409, body: { code: "ONCEBOX_KEY_IN_USE" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(another.status).toBe(201);
    expect(await post(`${url}/v1/leads`, LEAD, key)).toMatchObject({
      status: 200,
      body: { lead_id: rows[0]?.lead_id },
    });
  });
});

test("B10: the same key with other content is 422; order and spaces are no content", async ({
  serve,
  pool,
}) => {
  const { url } = await serve();
  const key = { "idempotency-key": "form-8f2c" };
  const first = await post(`${url}/v1/leads`, { ...LEAD, data: { a: 1, b: { c: 2, d: 3 } } }, key);

  const written = `{ "data" : {"b":{"d":3,"c":2},\n"a":1}, "email":"aigerim@example.kz",
    "phone": "8 (777) 123-45-67", "name":"\\u0410йгерим" , "kind": "proftest", "sms_text": null }`;
  expect(await post(`${url}/v1/leads`, written, key)).toMatchObject({
    status: 200,
    text: first.text,
  });

  for (const other of [
    { ...LEAD, name: "Другая" },
    { ...LEAD, phone: "+7 777 123 45 68" },
    { ...LEAD, email: undefined },
    { ...LEAD, data: { a: 1, b: { c: 2, d: 4 } } },
  ]) {
    const answer = await post(`${url}/v1/leads`, other, key);
    expect(answer).toMatchObject({ status: 422, body: { code: "ONCEBOX_KEY_REUSED" } });
    expect(answer.text).not.toContain("form-8f2c");
  }
  expect(await countLeads(pool)).toBe(1);
});

test("B11: the same key from another token is another registration", async ({
  serve,
  bearer,
  pool,
}) => {
  const { url } = await serve();
  const key = { "idempotency-key": "form-8f2c" };
  const site = { ...key, ...(await bearer("site", ["write"])) };
  const shop = { ...key, ...(await bearer("shop", ["write"])) };

  const answers = [];
  for (const headers of [site, shop, site, shop]) {
    answers.push(await post(`${url}/v1/leads`, LEAD, headers));
  }

  expect(answers.map((it) => it.status)).toEqual([201, 201, 200, 200]);
  expect(answers[2]?.text).toBe(answers[0]?.text);
  expect(answers[3]?.text).toBe(answers[1]?.text);
  expect(await countLeads(pool)).toBe(2);
});

test("B12: a key is known as long as its lead is, also when the person was erased", async ({
  serve,
  db,
  pool,
}) => {
  const { url } = await serve();
  const key = { "idempotency-key": "form-8f2c" };
  const first = await post(`${url}/v1/leads`, LEAD, key);
  await pool.query("update oncebox.registration set created_at = now() - interval '10 years'");

  expect(await post(`${url}/v1/leads`, LEAD, key)).toMatchObject({ status: 200, text: first.text });

  await eraseLead(db, first.body.lead_id, "a test");
  expect(await post(`${url}/v1/leads`, LEAD, key)).toMatchObject({ status: 200, text: first.text });
  expect(await countLeads(pool)).toBe(1);
});

describe("B8: the key itself", () => {
  test("may be missing: then every request is a registration", async ({ serve, pool }) => {
    const { url } = await serve();

    expect((await post(`${url}/v1/leads`, LEAD)).status).toBe(201);
    expect((await post(`${url}/v1/leads`, LEAD)).status).toBe(201);
    expect(await countLeads(pool)).toBe(2);
  });

  test("is bare or in quotes, and means the same", async ({ serve, pool }) => {
    const { url } = await serve();
    const long = "k".repeat(255);

    for (const [first, second] of [
      ["form-8f2c", '"form-8f2c"'],
      [long, `"${long}"`],
      ['a "b" \\c', '"a \\"b\\" \\\\c"'],
    ] as const) {
      expect((await post(`${url}/v1/leads`, LEAD, { "idempotency-key": first })).status).toBe(201);
      expect((await post(`${url}/v1/leads`, LEAD, { "idempotency-key": second })).status).toBe(200);
    }
    expect(await countLeads(pool)).toBe(3);
  });

  test("is 400 when it is empty, too long, or has what no key has", async ({ serve, pool }) => {
    const { url } = await serve();
    const body = JSON.stringify(LEAD);
    const send = (...keys: string[]) =>
      talk(
        url,
        Buffer.from(
          `POST /v1/leads HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n${keys
            .map((it) => `Idempotency-Key: ${it}\r\n`)
            .join("")}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        ),
      );

    for (const keys of [
      ...[[""], ["   "], ['""'], ["k".repeat(256)], ["a\tb"], ["a\x7fb"], ["a\x01b"]],
      ...[["ключ"], ["🔑"], ["one", "two"], ["one", "one"]],
    ]) {
      const answer = await send(...keys);
      expect([keys, answer.split("\r\n")[0]]).toEqual([keys, "HTTP/1.1 400 Bad Request"]);
    }
    expect(await send("k".repeat(256))).toContain('"field":"Idempotency-Key"');
    expect(await countLeads(pool)).toBe(0);
  });
});

test("a connection cut around the commit: one lead, and the right answer", async ({
  serve,
  databaseUrl,
  pool,
}) => {
  const moments = new Set<string>();
  await using proxy = await startProxy(
    databaseUrl,
    ["commit"],
    0.4,
    randomOf(1, "http"),
    ({ moment }) => moments.add(moment),
  );
  const { url } = await serve({ databaseUrl: proxy.url });
  const answers = new Map<string, string>();

  for (let index = 0; proxy.cuts < 20 || moments.size < 3; index++) {
    const lead = { ...LEAD, phone: `+7701${String(index).padStart(7, "0")}` };
    // Without a key, too: it gets one of ours, by which the commit is asked for.
    const headers = index % 2 === 0 ? { "idempotency-key": `form-${index}` } : undefined;
    const answer = await post(`${url}/v1/leads`, lead, headers);
    expect(answer).toMatchObject({ status: expect.toSatisfy((it) => it === 201 || it === 200) });
    answers.set(lead.phone, answer.body.lead_id);
  }

  const { rows } = await pool.query<{ phone: string; id: string }>(
    "select phone, id from public.landing_leads",
  );
  expect(new Map(rows.map((it) => [it.phone, it.id]))).toEqual(answers);
  expect(rows).toHaveLength(answers.size);
});

test("nothing is answered before it is committed", async ({ serve, pool }) => {
  const { url } = await serve();
  // A registration takes this lock at its commit, and not before.
  await pool.query(`
    create function public.wait_at_commit() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock(4711); return null; end $$;
    create constraint trigger wait_at_commit after insert on oncebox.registration
      deferrable initially deferred for each row execute function public.wait_at_commit()`);
  const client = await pool.connect();
  await client.query("begin; select pg_advisory_xact_lock(4711)");
  let isAnswered = false;

  const answer = post(`${url}/v1/leads`, LEAD).finally(() => {
    isAnswered = true;
  });
  await until("the registration waits at its commit", async () => {
    const { rowCount } = await pool.query(
      "select from pg_stat_activity where query = 'commit' and wait_event_type = 'Lock'",
    );
    return rowCount === 1;
  });
  expect(isAnswered).toBe(false);
  expect(await countLeads(pool)).toBe(0);
  await client.query("commit");
  client.release();

  expect((await answer).status).toBe(201);
  expect(await countLeads(pool)).toBe(1);
});
