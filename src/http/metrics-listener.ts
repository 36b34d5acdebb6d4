import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Address } from "../config.ts";
import { OnceboxError } from "../errors.ts";
import type { Scrape } from "./scrape.ts";

export interface MetricsListener {
  readonly url: string;
  /** Lets go of the port, and of everybody who is connected. */
  close(): Promise<void>;
}

/**
 * Serves `/metrics` and `/healthz` for a process that serves nothing else.
 *
 * @throws OnceboxError `ONCEBOX_CONFIG_INVALID` - it cannot listen there.
 */
export async function listenForScrapes(
  { host, port }: Address,
  scrape: Scrape,
): Promise<MetricsListener> {
  const server = createServer((request, response) => {
    // Whatever goes wrong with a scrape must not end the worker.
    answer(request, response, scrape).catch(() => response.destroy());
  });
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    throw new OnceboxError(
      "ONCEBOX_CONFIG_INVALID",
      `ONCEBOX_METRICS: cannot listen at ${host}:${port}: ${(error as Error).message}`,
      { hint: "Name an address of this machine and a port that is free; each worker has its own." },
    );
  }
  const { address, family, port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${bound}`,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const PLAIN = "text/plain; charset=utf-8";

async function answer(
  { method, url = "" }: IncomingMessage,
  response: ServerResponse,
  scrape: Scrape,
): Promise<void> {
  const end = (status: number, body: string, contentType = PLAIN) =>
    response.writeHead(status, { "content-type": contentType }).end(body);
  const path = url.split("?", 1)[0];
  if (path !== "/metrics" && path !== "/healthz") return void end(404, "not found\n");
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return void end(405, "method not allowed\n");
  }
  if (path === "/healthz") return void end(200, "ok\n");
  const { contentType, body } = await scrape.read();
  end(200, body, contentType);
}
