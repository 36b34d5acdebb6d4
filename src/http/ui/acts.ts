import { stringify } from "csv-stringify/sync";
import type { FastifyPluginAsync } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { OnceboxError } from "../../errors.ts";
import { listActs } from "../../inspect/acts.ts";
import {
  countNotifications,
  listNotifications,
  type NotificationFilter,
  type NotificationView,
  readTries,
} from "../../inspect/notifications.ts";
import type { Logger } from "../../log.ts";
import { CHANNELS, type NotificationId, STATES, type State } from "../../outbox/notification.ts";
import { type Act, cancel, resolve, retry } from "../../outbox/person.ts";
import type { Database } from "../database.ts";
import { principalOf, requireScope } from "../principal.ts";
import { NotificationId as Id, Reason } from "../shapes.ts";
import { toSnake } from "../snake.ts";

const FILTER = {
  state: z.enum(STATES).optional(),
  channel: z.enum(CHANNELS).optional(),
  lead_id: z.uuid().optional(),
  delivery: z.string().max(40).optional(),
  held: z.literal("true").optional(),
};
const Filter = z.strictObject(FILTER);
const PAGING = {
  cursor: Id.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
};

/** Each is read with its attempts and lookups. */
const DOUBT_PAGING = { ...PAGING, limit: z.coerce.number().int().min(1).max(50).default(25) };

const ACTIONS = ["cancel", "retry", "resolve"] as const;
type Action = (typeof ACTIONS)[number];
const OUTCOMES = { sent: "sent", not_sent: "failed", send_again: "pending" } as const;
const ACTION = {
  action: z.enum(ACTIONS),
  outcome: z.enum(["sent", "not_sent", "send_again"]).optional(),
};

/** What an action is for: the others are refused by the database, too. */
const FROM: Readonly<Record<Action, State>> = {
  cancel: "pending",
  retry: "pending",
  resolve: "unknown",
};
const MOST_AT_ONCE = 500;
const SAMPLE = 10;
const MOST_EXPORTED = 10_000;

/** Lists of notifications, and what a person does about one or many; each act is audited by itself. */
export function actRoutes({ db, log }: Database & { readonly log: Logger }): FastifyPluginAsync {
  return async (plain) => {
    const app = plain.withTypeProvider<ZodTypeProvider>();
    const look = requireScope("read");

    app.get(
      "/ui/notifications",
      {
        preHandler: look,
        schema: {
          hide: true,
          querystring: z.strictObject({
            ...FILTER,
            ...PAGING,
            order: z.enum(["newest", "oldest"]).default("newest"),
          }),
        },
      },
      async ({ query }) => {
        const { cursor, limit, order } = query;
        const items = await listNotifications(db, { ...filterOf(query), order, cursor, limit });
        return { items: toSnake(items), next_cursor: cursorOf(items, limit) };
      },
    );
    app.get(
      "/ui/notifications.csv",
      { preHandler: look, schema: { hide: true, querystring: Filter } },
      async ({ query }, reply) => {
        const rows = await listNotifications(db, { ...filterOf(query), limit: MOST_EXPORTED });
        return reply
          .type("text/csv; charset=utf-8")
          .header("content-disposition", 'attachment; filename="notifications.csv"')
          .send(csvOf(rows));
      },
    );
    app.get(
      "/ui/doubt",
      { preHandler: look, schema: { hide: true, querystring: z.strictObject(DOUBT_PAGING) } },
      async ({ query: { cursor, limit } }) => {
        const order = "oldest" as const;
        const items = await listNotifications(db, { state: "unknown", order, cursor, limit });
        const whole = await readTries(db, items);
        return { items: toSnake(whole), next_cursor: cursorOf(items, limit) };
      },
    );
    app.get(
      "/ui/acts",
      { preHandler: look, schema: { hide: true, querystring: z.strictObject(PAGING) } },
      async ({ query: { cursor, limit } }) => {
        const items = await listActs(db, { before: cursor, limit });
        return { items: toSnake(items), next_cursor: cursorOf(items, limit) };
      },
    );

    app.post(
      "/ui/preview",
      {
        preHandler: requireScope("operate"),
        schema: {
          hide: true,
          body: z.strictObject({
            ...ACTION,
            ids: z.array(Id).min(1).max(MOST_AT_ONCE).optional(),
            filter: Filter.optional(),
          }),
        },
      },
      async ({ body }) => {
        const { action, ids, filter } = body;
        const wanted: Omit<NotificationFilter, "limit"> =
          ids === undefined ? { ...filterOf(filter ?? {}), ...statesFor(action, filter) } : { ids };
        const found = await listNotifications(db, { ...wanted, limit: MOST_AT_ONCE });
        const fit = found.filter(
          (it) => it.state === FROM[action] || (action === "resolve" && it.isHeld),
        );
        const count = ids === undefined ? await countNotifications(db, wanted) : fit.length;
        return {
          count,
          ids: fit.map((it) => it.id),
          sample: toSnake(fit.slice(0, SAMPLE)),
          refused: found
            .filter((it) => !fit.includes(it))
            .map(({ id, state }) => ({ id, reason: state })),
          is_cut: count > fit.length,
        };
      },
    );
    app.post(
      "/ui/act",
      {
        preHandler: requireScope("operate"),
        schema: {
          hide: true,
          body: z.strictObject({
            ...ACTION,
            ids: z.array(Id).min(1).max(MOST_AT_ONCE),
            reason: Reason,
          }),
        },
      },
      async (request) => {
        const { action, outcome, ids, reason } = request.body;
        if (action === "resolve" && outcome === undefined) {
          throw new OnceboxError(
            "ONCEBOX_INPUT_INVALID",
            "outcome is missing, wanted one for resolve",
            {
              hint: "Say sent, not_sent or send_again.",
            },
          );
        }
        const actor = principalOf(request, "operate").name;
        const done: string[] = [];
        const refused: { id: string; code: string; detail: string }[] = [];
        const wanted = [...new Set(ids)];
        for (const [index, id] of wanted.entries()) {
          try {
            await act(action, outcome, { notificationId: id as NotificationId, actor, reason });
            done.push(id);
          } catch (error) {
            if (error instanceof OnceboxError) {
              refused.push({ id, code: error.code, detail: error.message });
              continue;
            }
            // What was done before stands, and whoever did it has to know.
            if (index === 0) throw error;
            log.warn(
              { err: error, requestId: request.id },
              "dashboard:acts on many were cut short",
            );
            return { done, refused, unanswered: id, not_tried: wanted.slice(index + 1) };
          }
        }
        return { done, refused, unanswered: null, not_tried: [] };
      },
    );
  };

  async function act(
    action: Action,
    outcome: keyof typeof OUTCOMES | undefined,
    it: Act,
  ): Promise<void> {
    if (action === "cancel") await cancel(db, it);
    else if (action === "retry") await retry(db, it);
    else await resolve(db, it, OUTCOMES[outcome ?? "sent"]);
  }
}

function filterOf(query: z.infer<typeof Filter>): Omit<NotificationFilter, "limit"> {
  const { state, channel, lead_id: leadId, delivery, held } = query;
  return { state, channel, leadId, delivery, held: held === "true" };
}

/** What an action is for; of those that are held, whatever they are. */
function statesFor(action: Action, filter: z.infer<typeof Filter> | undefined) {
  return action === "resolve" && filter?.held === "true" ? {} : { state: FROM[action] };
}

function cursorOf(items: readonly { readonly id: string }[], limit: number): string | null {
  return items.length === limit ? (items.at(-1)?.id ?? null) : null;
}

/** Masked, and no cell is a formula to whoever opens it. */
function csvOf(rows: readonly NotificationView[]): string {
  const header = [
    "id",
    "lead_id",
    "channel",
    "kind",
    "recipient",
    "state",
    "state_reason",
    "attempt",
  ];
  const columns = [...header, "due_at", "settled_at", "provider_ref", "delivery"];
  return stringify(toSnake(rows) as Record<string, unknown>[], {
    header: true,
    columns,
    escape_formulas: true,
    record_delimiter: "windows",
    bom: true,
  });
}
