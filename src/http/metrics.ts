import type { FastifyPluginAsync } from "fastify";
import { requireScope } from "./principal.ts";
import type { Scrape } from "./scrape.ts";

/**
 * `GET /metrics`. Nothing in it is about a person, but how much a business sends is its own affair.
 *
 * @param options.isPublic - Whether whoever can connect may read it; else it takes a token that may `read`.
 */
export function metricsRoutes(
  scrape: Scrape,
  { isPublic }: { readonly isPublic: boolean },
): FastifyPluginAsync {
  return async (app) => {
    app.get(
      "/metrics",
      {
        ...(!isPublic && { preHandler: requireScope("read") }),
        schema: { summary: "What is counted, for Prometheus", tags: ["health"] },
      },
      async (_request, reply) => {
        const { contentType, body } = await scrape.read();
        return await reply.type(contentType).send(body);
      },
    );
  };
}
