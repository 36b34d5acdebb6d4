import { randomUUID } from "node:crypto";
import type { FastifyPluginAsync } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { OnceboxError } from "../../errors.ts";
import { registerSurely } from "../../outbox/commit.ts";
import type { Database } from "../database.ts";
import { requireScope } from "../principal.ts";

/** A message that arrived at a stand-in, as its phone or mailbox shows it. */
export interface Landed {
  readonly channel: "sms" | "email";
  readonly to: string;
  /** The sender's. */
  readonly from: string;
  /** Of emails only. */
  readonly subject: string | null;
  readonly text: string;
  readonly at: string;
}

/** What arrives at the stand-ins of `oncebox dev`. */
export interface Landings {
  /** The newest first. */
  recent(): Promise<readonly Landed[]>;
  /** Calls back for each that arrives from now on; the result ends it. */
  onLanded(tell: (landed: Landed) => void): () => void;
}

const Lead = z.strictObject({
  name: z.string().max(200).optional(),
  phone: z.string().max(100).optional(),
  email: z.string().max(300).optional(),
});

const SURELY_MS = 5_000;

/** The phone, the mailbox and the form beside the dashboard, in `oncebox dev` alone. */
export function sandboxRoutes({ pool }: Database, landings: Landings): FastifyPluginAsync {
  return async (plain) => {
    const app = plain.withTypeProvider<ZodTypeProvider>();
    app.get(
      "/ui/sandbox",
      { preHandler: requireScope("read"), schema: { hide: true } },
      async () => ({ messages: await landings.recent() }),
    );
    app.post(
      "/ui/sandbox/lead",
      { preHandler: requireScope("write"), schema: { hide: true, body: Lead } },
      async ({ body }) => {
        const record = {
          ...body,
          source: "dev",
          idempotency_key: `dev-${randomUUID()}`,
          data: { result_url: "https://example.kz/r/1" },
        };
        const [result] = await registerSurely(pool, [record], SURELY_MS);
        if (result?.refusal === null) return { lead_id: result.leadId };
        throw new OnceboxError("ONCEBOX_LEAD_INVALID", result?.refusal.message ?? "no answer", {
          hint: result?.refusal.hint ?? "Try again.",
        });
      },
    );
  };
}
