import type { FastifyInstance } from "fastify";
import { HttpError, sendProblem } from "./problem.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/**
 * Remembers which methods the addresses have that are added from here on.
 *
 * @returns Answers every other method of theirs with 405 and what is allowed.
 */
export function watchMethods(app: FastifyInstance): () => void {
  const allowed = new Map<string, Set<string>>();
  let isWatching = true;
  app.addHook("onRoute", ({ url, method }) => {
    if (!isWatching) return;
    const methods = allowed.get(url) ?? new Set();
    for (const it of [method].flat()) methods.add(it);
    allowed.set(url, methods);
  });
  return () => {
    isWatching = false;
    for (const [url, methods] of allowed) {
      const allow = [...methods].sort().join(", ");
      app.route({
        url,
        method: METHODS.filter((it) => !methods.has(it)),
        config: { isForAll: true },
        schema: { hide: true },
        handler: (request, reply) => {
          reply.header("allow", allow);
          return sendProblem(
            new HttpError(405, "ONCEBOX_REQUEST_REFUSED", `this address takes ${allow} only`, {
              hint: "See /docs.",
            }),
            request,
            reply,
          );
        },
      });
    }
  };
}
