import type { IncomingHttpHeaders } from "node:http";
import type { FastifyInstance } from "fastify";
import type { Gate } from "./principal.ts";
import { HttpError } from "./problem.ts";

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/**
 * Where nobody has to show a token, a page that gave its own name our address (DNS rebinding) would
 * be let in: there we are asked by a loopback name only. And what a page of another site sends is
 * refused before it does anything.
 */
export function refuseStrangeHosts(app: FastifyInstance, gate: Gate): void {
  app.addHook("onRequest", async ({ method, headers }) => {
    const asked = (headers.host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
    if (!isLoopback(asked) && (await gate.isOpen())) {
      throw new HttpError(400, "ONCEBOX_REQUEST_REFUSED", "this host name is not ours", {
        hint: "Ask by localhost or 127.0.0.1; or make a token, and other names are taken too.",
      });
    }
    if (method === "GET" || method === "HEAD" || !isForeign(headers)) return;
    throw new HttpError(403, "ONCEBOX_FORBIDDEN", "a page of another site sent this", {
      hint: "Call the API from a server, and the dashboard from its own page.",
    });
  });
}

/** What the browser says of it counts most: behind a proxy our own name for us is another. */
function isForeign({ "sec-fetch-site": site, origin, host }: IncomingHttpHeaders): boolean {
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  return origin !== undefined && hostOf(origin) !== host;
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
