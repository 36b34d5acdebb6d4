import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type pg from "pg";
import type { HttpConfig } from "../../../src/config.ts";
import { type Server, startServer } from "../../../src/http/server.ts";
import { createLogger } from "../../../src/log.ts";
import { makeToken, type Scope } from "../../../src/outbox/tokens.ts";
import { test as base } from "../../support/fixture.ts";

type Settings = Partial<Parameters<typeof startServer>[0]> & {
  readonly http?: Partial<HttpConfig>;
};

interface Serving {
  /** Starts a server on a free port of loopback; it is closed after the test. */
  readonly serve: (
    settings?: Omit<Settings, "http"> & { http?: Partial<HttpConfig> },
  ) => Promise<Server>;
  /** Makes a token; answers the header that shows it. */
  readonly bearer: (name: string, scopes: readonly Scope[], expiresAt?: Date) => Promise<Headers>;
}

type Headers = Record<string, string>;

export const test = base.extend<Serving>({
  serve: async ({ databaseUrl }, use) => {
    await using servers = new AsyncDisposableStack();
    await use(async ({ http, ...settings } = {}) => {
      const server = await startServer(
        {
          databaseUrl,
          ...settings,
          http: {
            ...{ host: "127.0.0.1", port: 0, token: null },
            ...{ requestsPerSecond: 100_000, leadsPerPhone: null, ...http },
          },
        },
        createLogger("silent"),
      );
      servers.defer(() => server.close());
      return server;
    });
  },
  bearer: async ({ db }, use) => {
    await use(async (name, scopes, expiresAt) => {
      const secret = await makeToken(db, {
        ...{ name, scopes, source: name },
        ...{ expiresAt: expiresAt ?? null, actor: "a test" },
      });
      return { authorization: `Bearer ${secret}` };
    });
  },
});

export interface Answer {
  readonly status: number;
  readonly headers: globalThis.Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  readonly body: any;
}

/** A lead that its texts have everything for. */
export const LEAD = {
  name: "Айгерим",
  phone: "+7 777 123 45 67",
  email: "aigerim@example.kz",
  data: { result_url: "https://example.kz/r/1" },
};

export async function get(url: string, headers: Headers = {}): Promise<Answer> {
  return await ask(url, { headers });
}

/** As JSON, unless it is text or bytes already. */
export async function post(url: string, body: unknown, headers: Headers = {}): Promise<Answer> {
  return await ask(url, {
    method: "POST",
    body: typeof body === "string" || body instanceof Buffer ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
}

export async function ask(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = /json$|json;/.test(response.headers.get("content-type") ?? "");
  const isLines = response.headers.get("content-type") === "application/x-ndjson";
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isLines ? undefined : isJson && text !== "" ? JSON.parse(text) : undefined,
  };
}

/** Sends bytes as they are; answers all that comes back until the server hangs up. */
export async function talk(url: string, bytes: string | Buffer): Promise<string> {
  const socket = await dial(url);
  socket.write(bytes);
  return await hangUp(socket);
}

export async function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** All that comes until the server hangs up. */
export async function hangUp(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  await once(socket, "close");
  return text;
}

export async function countOf(pool: pg.Pool, table: string): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::integer as count from ${table}`,
  );
  return rows[0]?.count ?? 0;
}

export async function countLeads(pool: pg.Pool): Promise<number> {
  return await countOf(pool, "public.landing_leads");
}
