import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { describe, expect } from "vitest";
import { until } from "../support/until.ts";
import { countLeads, dial, get, hangUp, LEAD, post, talk, test } from "./support/http.ts";

const POST = "POST /v1/leads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
/** The server looks every second for who is too slow. */
const PATIENCE = { headersMs: 300, requestMs: 600 };

describe("B3: too large", () => {
  test("16 KiB and one byte are 413, 16 KiB are read", async ({ serve, pool }) => {
    const { url } = await serve();
    const lead = JSON.stringify(LEAD);
    const fits = lead + " ".repeat(16_384 - Buffer.byteLength(lead));

    expect((await post(`${url}/v1/leads`, fits)).status).toBe(201);
    expect(await post(`${url}/v1/leads`, `${fits} `)).toMatchObject({
      status: 413,
      body: { code: "ONCEBOX_REQUEST_REFUSED" },
    });
    expect(await countLeads(pool)).toBe(1);
  });

  test("10 GiB are refused by their announcement, and chunks without end by the first too many", async ({
    serve,
  }) => {
    const { url } = await serve();

    const announced = await talk(url, `${POST}Content-Length: 10737418240\r\n\r\n{`);
    const socket = await dial(url);
    socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = `1000\r\n${" ".repeat(4_096)}\r\n`;
    let sent = 0;
    const pump = setInterval(() => {
      socket.write(chunk);
      sent += 1;
    }, 2);
    const endless = await hangUp(socket).finally(() => clearInterval(pump));

    expect(announced).toMatch(/^HTTP\/1\.1 413 /);
    expect(endless).toMatch(/^HTTP\/1\.1 413 /);
    expect(sent).toBeLessThan(1_000);
  });

  test("compressed bodies are 415, so that no bomb is ever unpacked", async ({ serve, pool }) => {
    const { url } = await serve();
    const bomb = gzipSync(Buffer.alloc(10_000_000, " "));

    for (const encoding of ["gzip", "br", "deflate", "zstd", "identity, gzip"]) {
      expect(await post(`${url}/v1/leads`, bomb, { "content-encoding": encoding })).toMatchObject({
        status: 415,
        body: { code: "ONCEBOX_REQUEST_REFUSED" },
      });
    }
    expect((await post(`${url}/v1/leads`, LEAD, { "content-encoding": "identity" })).status).toBe(
      201,
    );
    expect(await countLeads(pool)).toBe(1);
  });
});

describe("B4: too slow", () => {
  test("headers and bodies that do not come are 408, and the connection is cut", async ({
    serve,
  }) => {
    const { url } = await serve({ patience: PATIENCE });

    const [headers, body, nothing] = await Promise.all([
      talk(url, "POST /v1/leads HTTP/1.1\r\nHost: loc"),
      talk(url, `${POST}Content-Length: 100\r\n\r\n{"phone":`),
      talk(url, ""),
    ]);

    for (const answer of [headers, body, nothing]) {
      expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*application\/problem\+json/);
      expect(answer).toContain('"code":"ONCEBOX_REQUEST_REFUSED"');
    }
  });

  test("1,000 connections that say a byte now and then keep nobody else waiting", async ({
    serve,
    pool,
  }) => {
    const { url } = await serve({ patience: { headersMs: 5_000, requestMs: 5_000 } });
    const slow = await Promise.all(Array.from({ length: 1_000 }, () => dial(url)));
    const answers: string[] = [];
    for (const socket of slow) {
      socket.write(`${POST}X-Slow: `);
      void hangUp(socket).then((answer) => answers.push(answer));
    }
    const drip = setInterval(() => {
      for (const socket of slow) if (socket.writable) socket.write("x");
    }, 500);

    for (let index = 0; index < 5; index++) {
      const answer = await post(`${url}/v1/leads`, LEAD, { "idempotency-key": `form-${index}` });
      expect(answer.status).toBe(201);
    }
    expect(answers).toEqual([]);
    await until("all of them are cut", () => answers.length === slow.length);
    clearInterval(drip);

    expect(answers.filter((it) => !it.startsWith("HTTP/1.1 408 "))).toEqual([]);
    expect(await countLeads(pool)).toBe(5);
  });
});

test("B5: headers that are too large, or say two things, are refused by Node", async ({
  serve,
  pool,
}) => {
  const { url } = await serve();
  const first = async (...headers: string[]) => {
    const answer = await talk(url, `${POST}Connection: close\r\n${headers.join("\r\n")}\r\n\r\n{}`);
    expect(answer).toContain('"code":"ONCEBOX_');
    return answer.split("\r\n")[0];
  };

  expect(await first(`X-Long: ${"x".repeat(17_000)}`)).toMatch(/ 431 /);
  expect(await first(...Array.from({ length: 5_000 }, (_, index) => `X-${index}: y`))).toMatch(
    / 431 /,
  );
  expect(await first("Content-Length: 2", "Content-Length: 3")).toMatch(/ 400 /);
  expect(await first("Content-Length: 2", "Transfer-Encoding: chunked")).toMatch(/ 400 /);
  expect(await first("Content-Length: -1")).toMatch(/ 400 /);
  expect(await first("Transfer-Encoding: chunked, identity")).toMatch(/ 400 /);
  expect(await first("X: a\x00b", "Content-Length: 2")).toMatch(/ 400 /);
  expect(await countLeads(pool)).toBe(0);
});

describe("B15: too many", () => {
  test("requests of one token in a second are 429, while another's are served", async ({
    serve,
    bearer,
  }) => {
    const { url } = await serve({ http: { requestsPerSecond: 5 } });
    const site = await bearer("site", ["read"]);
    const shop = await bearer("shop", ["read"]);

    const answers = await Promise.all(
      Array.from({ length: 20 }, () => get(`${url}/v1/notifications`, site)),
    );
    const other = await get(`${url}/v1/notifications`, shop);

    const refused = answers.filter((it) => it.status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(refused[0]).toMatchObject({ body: { code: "ONCEBOX_RATE_LIMITED", status: 429 } });
    expect(Number(refused[0]?.headers.get("retry-after"))).toBe(1);
    expect(other.status).toBe(200);
    await until("it is served again", async () => {
      return (await get(`${url}/v1/notifications`, site)).status === 200;
    });
    for (let index = 0; index < 20; index++) {
      expect((await get(`${url}/healthz`)).status).toBe(200);
    }
  });

  test("leads of one number, however it is written, are 429; a known key is answered", async ({
    serve,
    pool,
  }) => {
    const { url } = await serve({ http: { leadsPerPhone: 2 } });
    const send = (phone: string, key: string) =>
      post(`${url}/v1/leads`, { phone }, { "idempotency-key": key });

    expect((await send("+7 777 123 45 67", "a")).status).toBe(201);
    expect((await send("8 (777) 123-45-67", "b")).status).toBe(201);
    const third = await send("7771234567", "c");

    expect(third).toMatchObject({ status: 429, body: { code: "ONCEBOX_RATE_LIMITED" } });
    expect(Number(third.headers.get("retry-after"))).toBeGreaterThan(3_500);
    expect(third.text).not.toMatch(/777/);
    expect((await send("+77771234567", "a")).status).toBe(200);
    expect((await send("+77771234568", "d")).status).toBe(201);
    expect((await post(`${url}/v1/leads`, { email: "a@example.kz" })).status).toBe(201);
    await pool.query(
      "update oncebox.notification set created_at = now() - interval '1 hour' where recipient = '+77771234567'",
    );
    expect((await send("7771234567", "c")).status).toBe(201);
  });

  test("so are leads of one address, whatever number comes with it", async ({ serve, pool }) => {
    const { url } = await serve({ http: { leadsPerPhone: 2 } });
    const email = "aigerim@example.kz";
    const send = (lead: { email: string; phone?: string }, key: string) =>
      post(`${url}/v1/leads`, { ...LEAD, phone: undefined, ...lead }, { "idempotency-key": key });

    expect((await send({ email }, "a")).status).toBe(201);
    const batch = await post(`${url}/v1/leads:batch`, [
      { ...LEAD, email: "aigerim@EXAMPLE.kz", phone: "+77771234561", idempotency_key: "b" },
      { ...LEAD, email, phone: "+77771234562", idempotency_key: "c" },
      { ...LEAD, email: "b@example.kz", phone: "+77771234562", idempotency_key: "d" },
    ]);
    const third = await send({ email: ` ${email}`, phone: "+77771234563" }, "e");

    expect(batch.body.map((it: { error?: { code: string } }) => it.error?.code)).toEqual([
      ...[undefined, "ONCEBOX_RATE_LIMITED", undefined],
    ]);
    expect(third).toMatchObject({ status: 429, body: { code: "ONCEBOX_RATE_LIMITED" } });
    expect(Number(third.headers.get("retry-after"))).toBeGreaterThan(3_500);
    expect(third.text).not.toMatch(/aigerim/);
    expect((await send({ email }, "a")).status).toBe(200);
    expect((await send({ email: "c@example.kz" }, "f")).status).toBe(201);
    expect(await countLeads(pool)).toBe(4);
  });

  test("leads of one number at the same moment cannot all take the last place", async ({
    serve,
    pool,
  }) => {
    const one = await serve({ http: { leadsPerPhone: 3 } });
    const two = await serve({ http: { leadsPerPhone: 3 } });

    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        post(`${index % 2 === 0 ? one.url : two.url}/v1/leads`, LEAD),
      ),
    );

    expect(answers.filter((it) => it.status === 201)).toHaveLength(3);
    expect(answers.filter((it) => it.status === 429)).toHaveLength(37);
    expect(await countLeads(pool)).toBe(3);
  });

  test("a batch counts within itself, and registers what is within", async ({ serve, pool }) => {
    const { url } = await serve({ http: { leadsPerPhone: 2 } });
    const lead = (phone: string, key: string) => ({ phone, idempotency_key: key });

    const batch = [
      ...[lead("+77771234567", "a"), lead("+77771234568", "b"), lead("87771234567", "c")],
      ...[lead("7771234567", "d"), lead("+77771234568", "e"), lead("+77771234567", "f")],
    ];
    const created = async () =>
      (await post(`${url}/v1/leads:batch`, batch)).body.map(
        (it: { created?: boolean; error?: { code: string } }) => it.created ?? it.error?.code,
      );

    const [limited] = ["ONCEBOX_RATE_LIMITED"];
    expect(await created()).toEqual([true, true, true, limited, true, limited]);
    expect(await created()).toEqual([false, false, false, limited, false, limited]);
    expect(await countLeads(pool)).toBe(4);
  });
});

test("B16: who asks for a lead that is not theirs to know learns nothing", async ({
  serve,
  bearer,
}) => {
  const site = await bearer("site", ["write"]);
  const reader = await bearer("reader", ["read"]);
  const { url } = await serve();
  const { body } = await post(`${url}/v1/leads`, LEAD, site);
  const other = "3f1e0f5c-2b6a-4c53-9d0a-0b6d3a2f1c44";

  for (const headers of [{}, site]) {
    const [there, nowhere] = await Promise.all(
      [body.lead_id, other].map((it) => get(`${url}/v1/leads/${it}`, headers)),
    );
    const { request_id: _, ...said } = there?.body ?? {};
    expect(nowhere?.body).toMatchObject(said);
    expect(nowhere?.status).toBe(there?.status);
  }
  // Random: a UUID of version 4.
  expect(body.lead_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
  expect((await get(`${url}/v1/leads/${other}`, reader)).status).toBe(404);
  const shown = await get(`${url}/v1/leads/${body.lead_id}`, reader);
  expect(shown.status).toBe(200);
  expect(shown.text).not.toMatch(/Айгерим|1234567|aigerim/);
});

test("a client that goes away in the middle of its request leaves nothing behind", async ({
  serve,
  pool,
}) => {
  const { url } = await serve();
  for (let index = 0; index < 20; index++) {
    const socket = await dial(url);
    socket.write(`${POST}Content-Length: 500\r\n\r\n{"phone": "+777712345`);
    socket.resetAndDestroy();
    await once(socket, "close");
  }

  expect((await post(`${url}/v1/leads`, LEAD)).status).toBe(201);
  expect(await countLeads(pool)).toBe(1);
});

test("a stop waits for nobody who does not ask, nor for ever for who does", async ({ serve }) => {
  const { url, close } = await serve({ patience: { headersMs: 1_000, requestMs: 1_000 } });
  const silent = hangUp(await dial(url));
  const slow = await dial(url);
  slow.write(`${POST}Content-Length: 100\r\n\r\n{"phone":`);
  const half = hangUp(slow);
  await get(`${url}/healthz`);

  const stoppedAt = performance.now();
  await close();

  expect(performance.now() - stoppedAt).toBeLessThan(5_000);
  expect([await silent, await half]).toEqual(["", ""]);
});
