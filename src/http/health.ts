import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyPluginAsync } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { assertSchemaIsCurrent } from "../db/migrate.ts";
import { OnceboxError } from "../errors.ts";
import { readServer } from "../inspect/server.ts";
import { readVersion } from "../version.ts";
import type { Database } from "./database.ts";
import { shareReading } from "./share.ts";

/** Whoever probes waits for seconds, and wants to be told why. */
const READY_WITHIN_MS = 2_000;
/** However many probe: the database is asked once in so long. */
const FRESH_MS = 1_000;

/** For whoever watches the process: nobody has to say who they are, and nothing is told but that. */
export function healthRoutes({ pool, db }: Database): FastifyPluginAsync {
  const version = readVersion();
  const readiness = shareReading(whyNotReady, FRESH_MS);
  return async (plain) => {
    const app = plain.withTypeProvider<ZodTypeProvider>();
    app.get(
      "/healthz",
      {
        config: { isForAll: true },
        schema: {
          security: [],
          summary: "Does the process answer?",
          tags: ["health"],
          response: { 200: z.object({ status: z.literal("ok"), version: z.string() }) },
        },
      },
      async () => ({ status: "ok" as const, version }),
    );
    const Readiness = z.object({
      status: z.enum(["ready", "not_ready"]),
      reason: z.string().nullable(),
    });
    app.get(
      "/readyz",
      {
        config: { isForAll: true },
        schema: {
          security: [],
          summary: "Can it register leads?",
          tags: ["health"],
          response: { 200: Readiness, 503: Readiness },
        },
      },
      async (_request, reply) => {
        const reason = await readiness();
        if (reason === null) return { status: "ready" as const, reason };
        return reply.code(503).send({ status: "not_ready", reason });
      },
    );
  };

  async function whyNotReady(): Promise<string | null> {
    const asked = whyNotWritable().catch((error) =>
      error instanceof OnceboxError ? error.message : "the database cannot be reached",
    );
    return await Promise.race([
      asked,
      sleep(READY_WITHIN_MS, "the database does not answer", { ref: false }),
    ]);
  }

  /** After a failover an address may lead to a standby for a while: that answers, and takes no lead. */
  async function whyNotWritable(): Promise<string | null> {
    await assertSchemaIsCurrent(pool);
    const { isStandby } = await readServer(db);
    return isStandby ? "the database is a standby: it can be read and not written" : null;
  }
}
