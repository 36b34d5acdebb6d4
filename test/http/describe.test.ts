import { describe, expect } from "vitest";
import { ERROR_CODES } from "../../src/errors.ts";
import { ask, get, LEAD, post, test } from "./support/http.ts";

interface Operation {
  readonly security?: readonly object[];
  readonly requestBody?: unknown;
  readonly responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

/** Every value of a key, anywhere in a document. */
function valuesOf(document: unknown, key: string): string[] {
  if (document === null || typeof document !== "object") return [];
  return Object.entries(document).flatMap(([name, it]) => [
    ...(name === key && typeof it === "string" ? [it] : []),
    ...valuesOf(it, key),
  ]);
}

test("/openapi.json describes every route, its errors and who may call it", async ({ serve }) => {
  const { url } = await serve();

  const { body: api } = await get(`${url}/openapi.json`);
  const operations = Object.entries<Record<string, Operation>>(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, it]) => [`${method} ${path}`, it] as const),
  );

  expect(api.openapi).toBe("3.1.0");
  expect(operations.map(([name]) => name).sort()).toEqual([
    "get /healthz",
    "get /metrics",
    "get /readyz",
    "get /v1/leads/{id}",
    "get /v1/notifications",
    "get /v1/notifications/{id}",
    "post /v1/leads",
    "post /v1/leads:batch",
    "post /v1/notifications/{id}/cancel",
    "post /v1/notifications/{id}/resolve",
    "post /v1/notifications/{id}/retry",
  ]);
  for (const reference of valuesOf(api, "$ref")) {
    const target = reference
      .slice(2)
      .split("/")
      .reduce<Record<string, unknown> | undefined>(
        (part, name) => part?.[name] as Record<string, unknown> | undefined,
        api,
      );
    expect([reference, typeof target]).toEqual([reference, "object"]);
  }
  expect(valuesOf(api, "$ref").length).toBeGreaterThan(20);
  for (const [name, operation] of operations) {
    if (/healthz|readyz/.test(name)) expect([name, operation.security]).toEqual([name, []]);
    if (!name.includes("/v1/")) continue;
    expect([name, operation.security ?? api.security]).toEqual([name, [{ token: [] }]]);
    const statuses = Object.keys(operation.responses);
    expect([name, statuses]).toEqual([
      name,
      expect.arrayContaining(["400", "401", "403", "429", "503"]),
    ]);
    for (const status of statuses.filter((it) => Number(it) >= 400)) {
      const { content } = operation.responses[status] ?? {};
      expect([name, status, content?.["application/problem+json"]?.schema]).toEqual([
        ...[name, status, { $ref: "#/components/schemas/Problem" }],
      ]);
    }
  }
  expect(api.paths["/v1/leads:batch"].post.requestBody.content).toMatchObject({
    "application/json": { schema: { items: { $ref: "#/components/schemas/LeadOfManyInput" } } },
    "application/x-ndjson": {},
  });
});

test("/docs loads, with everything it needs from us and nothing inline", async ({ serve }) => {
  const { url } = await serve();

  const page = await get(`${url}/docs`);
  const assets = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, it]) => it);

  expect(page.status).toBe(200);
  expect(page.headers.get("content-security-policy")).toMatch(
    /default-src 'none'.*script-src 'self'/,
  );
  expect(page.headers.get("content-security-policy")).not.toMatch(/unsafe|https?:/);
  expect(page.text).not.toMatch(/<script>|<script (?!src)|\son\w+=|https?:\/\//);
  expect(assets.length).toBeGreaterThan(4);
  for (const asset of assets) {
    expect([asset, (await get(new URL(asset ?? "", `${url}/docs/`).href)).status]).toEqual([
      ...[asset, 200],
    ]);
  }
});

describe("every error", () => {
  test("has one shape, a code of ours and an id, and never SQL, a stack or what a person sent", async ({
    serve,
    bearer,
    pool,
  }) => {
    const everything = await bearer("all", ["write", "read", "operate"]);
    const { url } = await serve();
    const secret = { name: "Тайная", phone: "+7 777 999 88 77", email: "secret@example.kz" };
    await pool.query(`
      create function public.fail() returns trigger language plpgsql as $$
      begin raise exception 'failed for %', new.name; end $$;
      create trigger fail before insert on public.landing_leads
        for each row when (new.name = 'Тайная') execute function public.fail()`);
    await post(`${url}/v1/leads`, LEAD, { ...everything, "idempotency-key": "taken" });
    const act = `${url}/v1/notifications/1/cancel`;

    const answers = [
      await post(`${url}/v1/leads`, secret, everything),
      await post(`${url}/v1/leads`, { ...secret, phone: "999 88" }, everything),
      await post(`${url}/v1/leads`, { ...secret, [secret.email]: 1 }, everything),
      await post(`${url}/v1/leads`, `${JSON.stringify(secret)}}`, everything),
      await post(`${url}/v1/leads`, secret, { ...everything, "content-type": "text/plain" }),
      await post(`${url}/v1/leads`, secret, { ...everything, "idempotency-key": "taken" }),
      await post(`${url}/v1/leads`, secret),
      await post(`${url}/v1/leads`, "x".repeat(20_000), everything),
      await get(`${url}/v1/leads/${encodeURIComponent(secret.email)}`, everything),
      await get(`${url}/${encodeURIComponent(secret.phone)}`, everything),
      await ask(`${url}/v1/leads?phone=${encodeURIComponent(secret.phone)}`, { method: "DELETE" }),
      await post(act, { reason: "x" }, everything),
      await post(act, {}, everything),
      await post(`${act}/../resolve`, { outcome: "sent", reason: "for a test" }, everything),
      await get(`${url}/v1/notifications/999999999999999999`, everything),
      await get(`${url}/v1/notifications/9999999999999999999`, everything),
    ];

    expect(answers.map((it) => it.status)).toEqual([
      ...[400, 400, 400, 400, 415, 422, 401, 413, 400, 404, 405, 400, 400, 409, 404, 400],
    ]);
    for (const answer of answers) {
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(answer.body).toMatchObject({
        type: `urn:oncebox:${answer.body.code}`,
        title: expect.any(String),
        status: answer.status,
        detail: expect.any(String),
        hint: expect.stringMatching(/\.$/),
        request_id: expect.any(String),
      });
      expect(ERROR_CODES).toContain(answer.body.code);
      expect(answer.text).not.toMatch(/\bat .*\.ts|select |insert |node_modules|FST_|_ERR_/i);
      expect(answer.text).not.toMatch(/Тайная|999 ?88|9998877/);
    }
  });
});

test("HEAD answers as GET does, without a body", async ({ serve }) => {
  const { url } = await serve();
  const { body } = await post(`${url}/v1/leads`, LEAD);

  for (const path of ["/healthz", "/readyz", "/v1/notifications", `/v1/leads/${body.lead_id}`]) {
    const [head, full] = [
      await ask(`${url}${path}`, { method: "HEAD" }),
      await get(`${url}${path}`),
    ];
    expect([path, head.status, head.text]).toEqual([path, full.status, ""]);
    expect(head.headers.get("content-type")).toBe(full.headers.get("content-type"));
  }
});
