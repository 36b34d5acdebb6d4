import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, expect } from "vitest";
import { until } from "../support/until.ts";
import { countLeads, get, LEAD, post, test } from "./support/http.ts";

interface Way extends AsyncDisposable {
  /** The same database, through us. */
  readonly url: string;
  /** Cuts every connection, and refuses new ones. */
  close(): void;
  /** Passes nothing on, and says nothing. */
  fallSilent(): void;
  open(): void;
}

/** The way to Postgres, which can be closed. */
async function openWay(target: string): Promise<Way> {
  const upstream = new URL(target);
  const sockets = new Set<Socket>();
  let state: "open" | "closed" | "silent" = "open";
  const server = createServer((client) => {
    if (state === "closed") {
      client.resetAndDestroy();
      return;
    }
    const backend = connect(Number(upstream.port), upstream.hostname);
    for (const [from, to] of [
      [client, backend],
      [backend, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("data", (chunk) => {
        if (state === "open") to.write(chunk);
      });
      from.on("close", () => {
        to.destroy();
        sockets.delete(from);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    close() {
      state = "closed";
      cut();
    },
    fallSilent() {
      state = "silent";
    },
    open() {
      if (state === "silent") cut();
      state = "open";
    },
    async [Symbol.asyncDispose]() {
      server.close();
      cut();
      await once(server, "close");
    },
  };
}

/** What the probe says, once it says so: it asks the database once a second. */
async function readinessOnce(status: number, url: string, headers: Record<string, string> = {}) {
  return await until(`the probe says ${status}`, async () => {
    const answer = await get(`${url}/readyz`, headers);
    return answer.status === status && answer.body;
  });
}

describe("while Postgres is away", () => {
  test("probes are answered, registrations are 503, and all is well again without a restart", async ({
    serve,
    bearer,
    databaseUrl,
    pool,
  }) => {
    const site = await bearer("site", ["write", "read"]);
    await using way = await openWay(databaseUrl);
    const { url } = await serve({ databaseUrl: way.url });
    expect(await get(`${url}/readyz`)).toMatchObject({
      status: 200,
      body: { status: "ready", reason: null },
    });
    const key = { ...site, "idempotency-key": "form-8f2c" };

    way.close();

    expect(await get(`${url}/healthz`, site)).toMatchObject({
      status: 200,
      body: { status: "ok", version: expect.any(String) },
    });
    expect(await readinessOnce(503, url, site)).toEqual({
      status: "not_ready",
      reason: "the database cannot be reached",
    });
    const refused = await post(`${url}/v1/leads`, LEAD, key);
    expect(refused).toMatchObject({
      status: 503,
      body: { code: "ONCEBOX_DATABASE_UNREACHABLE", hint: expect.stringContaining("Try again") },
    });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await get(`${url}/v1/notifications`, site)).status).toBe(503);

    way.open();

    await readinessOnce(200, url);
    expect((await post(`${url}/v1/leads`, LEAD, key)).status).toBe(201);
    expect(await countLeads(pool)).toBe(1);
  });

  test("a registration that comes in the moment it goes waits for it", async ({
    serve,
    databaseUrl,
    pool,
  }) => {
    await using way = await openWay(databaseUrl);
    const { url } = await serve({ databaseUrl: way.url });

    way.close();
    const answer = post(`${url}/v1/leads`, LEAD);
    await readinessOnce(503, url);
    way.open();

    expect((await answer).status).toBe(201);
    expect(await countLeads(pool)).toBe(1);
  });

  test("silence is told from health: probes and registrations are answered in time", async ({
    serve,
    databaseUrl,
    pool,
  }) => {
    await using way = await openWay(databaseUrl);
    const { url } = await serve({ databaseUrl: way.url });
    await post(`${url}/v1/leads`, LEAD);

    way.fallSilent();
    const [health, ready, lead] = await Promise.all([
      get(`${url}/healthz`),
      get(`${url}/readyz`),
      post(`${url}/v1/leads`, LEAD),
    ]);

    expect(health.status).toBe(200);
    expect(ready).toMatchObject({ status: 503, body: { reason: "the database does not answer" } });
    expect(lead).toMatchObject({ status: 503, body: { code: "ONCEBOX_DATABASE_UNREACHABLE" } });
    way.open();
    expect((await post(`${url}/v1/leads`, LEAD)).status).toBe(201);
    expect(await countLeads(pool)).toBe(2);
  });
});

test("a schema that is missing is said by the probe", async ({ serve, pool }) => {
  const { url } = await serve();

  await pool.query("delete from oncebox.migration");

  expect(await get(`${url}/readyz`)).toMatchObject({
    status: 503,
    body: { status: "not_ready", reason: expect.stringContaining("schema") },
  });
});
