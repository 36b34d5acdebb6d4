import type { FastifyPluginAsync } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { OnceboxError } from "../errors.ts";
import { findNotification, listNotifications } from "../inspect/notifications.ts";
import { CHANNELS, type NotificationId, STATES } from "../outbox/notification.ts";
import { cancel, resolve, retry } from "../outbox/person.ts";
import type { Database } from "./database.ts";
import { principalOf, requireScope } from "./principal.ts";
import * as shape from "./shapes.ts";
import { toSnake } from "./snake.ts";

const STATE_OF = { sent: "sent", not_sent: "failed", send_again: "pending" } as const;

export function notificationRoutes({ db }: Database): FastifyPluginAsync {
  return async (plain) => {
    const app = plain.withTypeProvider<ZodTypeProvider>();
    const params = z.object({ id: shape.NotificationId });
    const acted = { 200: shape.NotificationWithAttempts, ...shape.PROBLEMS };

    app.get(
      "/v1/notifications",
      {
        onRequest: requireScope("read"),
        schema: {
          summary: "List notifications, the newest first",
          tags: ["notifications"],
          querystring: z.strictObject({
            state: z.enum(STATES).optional(),
            channel: z.enum(CHANNELS).optional(),
            lead_id: z.uuid().optional(),
            held: z.literal("true").optional(),
            cursor: shape.NotificationId.optional(),
            limit: z.coerce.number().int().min(1).max(500).default(50),
          }),
          response: { 200: shape.Page, ...shape.PROBLEMS },
        },
      },
      async ({ query }) => {
        const items = await listNotifications(db, {
          state: query.state,
          channel: query.channel,
          leadId: query.lead_id,
          held: query.held === "true",
          cursor: query.cursor,
          limit: query.limit,
        });
        const last = items.length === query.limit ? items.at(-1) : undefined;
        return {
          items: toSnake(items) as z.infer<typeof shape.Notification>[],
          next_cursor: last?.id ?? null,
        };
      },
    );

    app.get(
      "/v1/notifications/:id(.+)",
      {
        onRequest: requireScope("read"),
        schema: {
          summary: "One notification, every attempt",
          tags: ["notifications"],
          params,
          querystring: shape.NOTHING,
          response: acted,
        },
      },
      ({ params }) => show(params.id),
    );

    app.post(
      "/v1/notifications/:id/cancel",
      {
        onRequest: requireScope("operate"),
        schema: {
          summary: "Take back one that is pending",
          tags: ["notifications"],
          params,
          querystring: shape.NOTHING,
          body: shape.Act,
          response: acted,
        },
      },
      async (request) => {
        await cancel(db, actOf(request));
        return await show(request.params.id);
      },
    );

    app.post(
      "/v1/notifications/:id/retry",
      {
        onRequest: requireScope("operate"),
        schema: {
          summary: "Send one that waits for its next try now",
          tags: ["notifications"],
          params,
          querystring: shape.NOTHING,
          body: shape.Act,
          response: acted,
        },
      },
      async (request) => {
        await retry(db, actOf(request));
        return await show(request.params.id);
      },
    );

    app.post(
      "/v1/notifications/:id/resolve",
      {
        onRequest: requireScope("operate"),
        schema: {
          summary: "Decide an outcome in doubt, once you have looked at the provider's own record",
          tags: ["notifications"],
          params,
          querystring: shape.NOTHING,
          body: shape.Resolution,
          response: acted,
        },
      },
      async (request) => {
        await resolve(db, actOf(request), STATE_OF[request.body.outcome]);
        return await show(request.params.id);
      },
    );

    function actOf(request: {
      readonly params: { id: string };
      readonly body: { reason: string };
    }) {
      return {
        notificationId: request.params.id as NotificationId,
        actor: principalOf(request as never, "operate").name,
        reason: request.body.reason,
      };
    }

    async function show(id: string): Promise<z.infer<typeof shape.NotificationWithAttempts>> {
      const notification = await findNotification(db, id);
      if (notification === null) {
        throw new OnceboxError("ONCEBOX_NOT_FOUND", `there is no notification ${id}`, {
          hint: "Look it up with GET /v1/notifications.",
        });
      }
      return toSnake(notification) as z.infer<typeof shape.NotificationWithAttempts>;
    }
  };
}
