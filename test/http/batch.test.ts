import { describe, expect } from "vitest";
import { ask, countLeads, LEAD, post, test } from "./support/http.ts";

function leads(count: number, more: object = {}): object[] {
  return Array.from({ length: count }, (_, index) => ({
    ...LEAD,
    phone: `+7701${String(index).padStart(7, "0")}`,
    idempotency_key: `form-${index}`,
    ...more,
  }));
}

const NDJSON = { "content-type": "application/x-ndjson" };
const linesOf = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("an array has a result for each record, in order; again, the same leads", async ({
  serve,
  pool,
}) => {
  const { url } = await serve();

  const first = await post(`${url}/v1/leads:batch`, leads(50));
  const second = await post(`${url}/v1/leads:batch`, leads(50));

  expect(first.status).toBe(200);
  const { rows } = await pool.query<{ id: string }>(
    "select id from public.landing_leads order by phone",
  );
  expect(first.body).toEqual(
    rows.map(({ id }, index) => ({ record: index + 1, lead_id: id, created: true })),
  );
  expect(second.body).toEqual(first.body.map((it: object) => ({ ...it, created: false })));
  expect(await countLeads(pool)).toBe(50);
});

test("NDJSON has a line for each line, blank ones left out", async ({ serve, pool }) => {
  const { url } = await serve();
  const text = leads(5)
    .map((it) => JSON.stringify(it))
    .join("\r\n\n");

  const answer = await post(`${url}/v1/leads:batch`, `${text}\n\n`, NDJSON);

  expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
  expect(linesOf(answer.text)).toMatchObject(
    [1, 2, 3, 4, 5].map((record) => ({ record, created: true })),
  );
  expect(await countLeads(pool)).toBe(5);
});

test("a bad record keeps no other one out, whatever is bad about it", async ({
  serve,
  bearer,
  pool,
}) => {
  const { url } = await serve();
  const site = await bearer("site", ["write"]);
  const [good, another] = leads(2);
  const bad: readonly [line: string, code: string, field: string | null][] = [
    ["nope", "ONCEBOX_REQUEST_REFUSED", null],
    ['{"phone": 1e400}', "ONCEBOX_REQUEST_REFUSED", null],
    ['{"phone": "+77011111111", "phone": "x"}', "ONCEBOX_REQUEST_REFUSED", null],
    ["7", "ONCEBOX_INPUT_INVALID", null],
    ['{"phone": 7}', "ONCEBOX_INPUT_INVALID", "phone"],
    ['{"phone": "+77011111111", "bcc": "x"}', "ONCEBOX_INPUT_INVALID", "bcc"],
    ['{"phone": "77"}', "ONCEBOX_LEAD_INVALID", "phone"],
    ["{}", "ONCEBOX_LEAD_INVALID", "phone"],
    [String.raw`{"phone": "+77011111111", "name": "\u0000"}`, "ONCEBOX_LEAD_INVALID", "name"],
    ['{"phone": "+77011111111", "kind": "nope"}', "ONCEBOX_TEMPLATE_MISSING", "kind"],
    ['{"phone": "+77011111111", "source": "shop"}', "ONCEBOX_FORBIDDEN", null],
    [JSON.stringify({ ...good, name: "Другая" }), "ONCEBOX_KEY_REUSED", "idempotency_key"],
  ];

  const answer = await post(
    `${url}/v1/leads:batch`,
    [JSON.stringify(good), ...bad.map(([line]) => line), JSON.stringify(another)].join("\n"),
    { ...NDJSON, ...site },
  );

  const lines = linesOf(answer.text);
  expect(lines).toEqual([
    { record: 1, lead_id: expect.any(String), created: true },
    ...bad.map(([, code, field], index) => ({
      record: index + 2,
      error: { code, field, message: expect.any(String), hint: expect.any(String) },
    })),
    { record: bad.length + 2, lead_id: expect.any(String), created: true },
  ]);
  expect(await countLeads(pool)).toBe(2);
});

test("a row that a constraint of one's own refuses keeps no other one out", async ({
  serve,
  pool,
}) => {
  await pool.query(
    "alter table public.landing_leads add constraint no_bob check (name is distinct from 'Bob')",
  );
  const { url } = await serve();

  const { body } = await post(`${url}/v1/leads:batch`, [
    ...leads(3),
    { phone: "+77019999999", name: "Bob" },
  ]);

  expect(body.map((it: { created?: boolean }) => it.created)).toEqual([
    true,
    true,
    true,
    undefined,
  ]);
  expect(body[3].error.message).toContain("no_bob");
  expect(JSON.stringify(body)).not.toContain("9999999");
  expect(await countLeads(pool)).toBe(3);
});

describe("what is no batch", () => {
  test("is 400 as a whole: none, too many, no array, a key of its own", async ({ serve, pool }) => {
    const { url } = await serve();

    for (const body of [[], leads(1_001, { data: {} }), LEAD, "null"]) {
      expect((await post(`${url}/v1/leads:batch`, body)).status).toBe(400);
    }
    expect(await post(`${url}/v1/leads:batch`, "\n\n", NDJSON)).toMatchObject({ status: 400 });
    expect(
      await post(`${url}/v1/leads:batch`, leads(2), { "idempotency-key": "form-1" }),
    ).toMatchObject({ status: 400, body: { errors: [{ field: "Idempotency-Key" }] } });
    expect(await countLeads(pool)).toBe(0);
  });

  test("is 413 above 1 MiB", async ({ serve }) => {
    const { url } = await serve();

    expect(
      await ask(`${url}/v1/leads:batch`, {
        method: "POST",
        headers: NDJSON,
        body: "x".repeat(1_048_577),
      }),
    ).toMatchObject({ status: 413, body: { code: "ONCEBOX_REQUEST_REFUSED" } });
  });
});

test("1,000 leads in one batch are good", async ({ serve, pool }) => {
  const { url } = await serve();

  const { body } = await post(
    `${url}/v1/leads:batch`,
    leads(1_000, { data: { result_url: "https://example.kz/r/1" } }),
  );

  expect(body).toHaveLength(1_000);
  expect(await countLeads(pool)).toBe(1_000);
});
