import type { FastifyPluginAsync } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { OnceboxError } from "../../errors.ts";
import { findLead, type LeadView } from "../../inspect/leads.ts";
import { findPeople, listHistory, lookThroughLeads } from "../../inspect/people.ts";
import { reveal } from "../../outbox/acts.ts";
import type { Database } from "../database.ts";
import { principalOf, requireScope } from "../principal.ts";
import { HttpError } from "../problem.ts";
import { Reason } from "../shapes.ts";
import { toSnake } from "../snake.ts";

/** Find a person, see everything that happened, and see who they are. */
export function peopleRoutes({ db }: Database): FastifyPluginAsync {
  return async (plain) => {
    const app = plain.withTypeProvider<ZodTypeProvider>();
    const params = z.object({ id: z.uuid() });
    const look = requireScope("read");
    let isLooking = false;

    /** Each takes a connection for seconds: of many at once nobody else would get one. */
    async function lookThrough(query: string): Promise<LeadView[]> {
      if (isLooking) {
        throw new HttpError(
          429,
          "ONCEBOX_RATE_LIMITED",
          "nobody who was to get a message has this number or address, and another search looks through the other leads",
          { hint: "Search again in a few seconds.", retryAfterS: 5 },
        );
      }
      isLooking = true;
      try {
        return await lookThroughLeads(db, query);
      } finally {
        isLooking = false;
      }
    }

    // Not by GET: a number or an address in a URL ends up in the logs of proxies.
    app.post(
      "/ui/people",
      {
        preHandler: look,
        schema: { hide: true, body: z.strictObject({ q: z.string().min(1).max(254) }) },
      },
      async ({ body: { q } }) => {
        const found = await findPeople(db, q);
        return { items: toSnake(found.length > 0 ? found : await lookThrough(q)) };
      },
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
