import type { FastifyPluginAsync } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { OnceboxError } from "../../errors.ts";
import { findLead } from "../../inspect/leads.ts";
import { findPeople, listHistory } from "../../inspect/people.ts";
import { reveal } from "../../outbox/acts.ts";
import type { Database } from "../database.ts";
import { principalOf, requireScope } from "../principal.ts";
import { Reason } from "../shapes.ts";
import { toSnake } from "../snake.ts";

/** Find a person, see everything that happened, and see who they are. */
export function peopleRoutes({ db }: Database): FastifyPluginAsync {
  return async (plain) => {
    const app = plain.withTypeProvider<ZodTypeProvider>();
    const params = z.object({ id: z.uuid() });
    const look = requireScope("read");

    // Not by GET: a number or an address in a URL ends up in the logs of proxies.
    app.post(
      "/ui/people",
      {
        preHandler: look,
        schema: { hide: true, body: z.strictObject({ q: z.string().min(1).max(254) }) },
      },
      async ({ body }) => ({ items: toSnake(await findPeople(db, body.q)) }),
    );
    app.get(
      "/ui/leads/:id",
      { preHandler: look, schema: { hide: true, params } },
      async (request) => {
        const { id } = request.params;
        const [lead, history] = await Promise.all([findLead(db, id), listHistory(db, id)]);
        if (lead === null) {
          throw new OnceboxError("ONCEBOX_NOT_FOUND", "there is no such lead", {
            hint: "Search by number, address or id.",
          });
        }
        return toSnake({ ...lead, history });
      },
    );
    app.post(
      "/ui/leads/:id/reveal",
      {
        preHandler: requireScope("operate"),
        schema: { hide: true, params, body: z.strictObject({ reason: Reason }) },
      },
      async (request) =>
        await reveal(db, {
          leadId: request.params.id,
          actor: principalOf(request, "operate").name,
          reason: request.body.reason,
        }),
    );
  };
}
