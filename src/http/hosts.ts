import type { FastifyInstance } from "fastify";
import { HttpError } from "./problem.ts";

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/**
 * A page that gave its own name our address (DNS rebinding) is not us: on loopback we are asked by a
 * loopback name. And what a page of another site sends is refused before it does anything.
 */
export function refuseStrangeHosts(
  app: FastifyInstance,
  { host }: { readonly host: string },
): void {
  app.addHook("onRequest", async ({ method, headers }) => {
    const asked = (headers.host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
    if (isLoopback(host) && !isLoopback(asked)) {
      throw new HttpError(400, "ONCEBOX_REQUEST_REFUSED", "this host name is not ours", {
        hint: "Ask by localhost or 127.0.0.1; behind a proxy, let it send that as Host.",
      });
    }
    if (method === "GET" || method === "HEAD") return;
    const site = headers["sec-fetch-site"];
    const { origin } = headers;
    const isForeign =
      (site !== undefined && site !== "same-origin" && site !== "none") ||
      (origin !== undefined && hostOf(origin) !== headers.host);
    if (isForeign) {
      throw new HttpError(403, "ONCEBOX_FORBIDDEN", "a page of another site sent this", {
        hint: "Call the API from a server, and the dashboard from its own page.",
      });
    }
  });
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
