import type { FastifyPluginAsync } from "fastify";
import type { Scrape } from "./scrape.ts";

/** `GET /metrics`. Nothing in it is about a person. */
export function metricsRoutes(scrape: Scrape): FastifyPluginAsync {
  return async (app) => {
    app.get(
      "/metrics",
      { schema: { summary: "What is counted, for Prometheus", tags: ["health"] } },
      async (_request, reply) => {
        const { contentType, body } = await scrape.read();
        return await reply.type(contentType).send(body);
      },
    );
  };
}
