import type { FastifyPluginAsync } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { listTemplates, previewText, readPrice } from "../../inspect/templates.ts";
import { reopenChannel, saveTemplate, sendTest } from "../../outbox/acts.ts";
import { CHANNELS, type ChannelName } from "../../outbox/notification.ts";
import type { Database } from "../database.ts";
import { principalOf, requireScope } from "../principal.ts";
import { Reason } from "../shapes.ts";
import { toSnake } from "../snake.ts";

const KIND = z.string().regex(/^[A-Za-z0-9_.-]{1,50}$/);
const TEXTS = {
  channel: z.enum(CHANNELS),
  subject: z.string().min(1).max(500).nullable(),
  body: z.string().min(1).max(20_000),
};
/** As the table's own rules have it. */
function fitsChannel(it: { channel: ChannelName; subject: string | null; body: string }): boolean {
  return it.channel === "email"
    ? it.subject !== null
    : it.subject === null && it.body.length <= 1_000;
}
const FITS =
  "wanted a subject for an email and none for an SMS, whose text has 1000 characters at most";
/** What a preview costs is cleaning what is put in: by the character, and far more by that of a long value. */
const MOST_FILLED_IN = 4_000;
const LONGEST_VALUE = 500;
/** A variable without a value costs, too. */
const VARIABLE = 40;
function isSoonShown(it: {
  subject: string | null;
  body: string;
  data: Readonly<Record<string, unknown>>;
}): boolean {
  const tags = `${it.subject ?? ""}${it.body}`.split("{{").length - 1;
  const lengths = Object.values(it.data).map((value) =>
    typeof value === "string" ? value.length : 0,
  );
  const longest = Math.max(0, ...lengths);
  return longest <= LONGEST_VALUE && tags * (VARIABLE + longest) <= MOST_FILLED_IN;
}
const SOON_SHOWN = `wanted values of at most ${LONGEST_VALUE} characters, and shorter ones where a text has many variables`;
const VALUES = {
  name: z.string().max(200).nullable().default(null),
  data: z.record(z.string(), z.unknown()).default({}),
};

/** The texts, what they look like, and a test; and a channel that somebody opens again. */
export function templateRoutes({ db }: Database): FastifyPluginAsync {
  return async (plain) => {
    const app = plain.withTypeProvider<ZodTypeProvider>();
    const admin = requireScope("admin");

    app.get(
      "/ui/templates",
      { preHandler: requireScope("read"), schema: { hide: true } },
      async () => ({
        items: toSnake(await listTemplates(db)),
        price: toSnake(await readPrice(db)),
      }),
    );
    app.post(
      "/ui/templates/preview",
      {
        preHandler: requireScope("read"),
        schema: {
          hide: true,
          body: z
            .strictObject({ ...TEXTS, ...VALUES })
            .refine(fitsChannel, FITS)
            .refine(isSoonShown, SOON_SHOWN),
        },
      },
      async ({ body }) => {
        const [preview, price] = await Promise.all([previewText(db, body), readPrice(db)]);
        const cost =
          price === null || preview.segments === null ? null : price.perSegment * preview.segments;
        return toSnake({ ...preview, cost, currency: price?.currency ?? null });
      },
    );
    app.post(
      "/ui/templates/save",
      {
        preHandler: admin,
        schema: {
          hide: true,
          body: z.strictObject({ kind: KIND, ...TEXTS, reason: Reason }).refine(fitsChannel, FITS),
        },
      },
      async (request, reply) => {
        const { reason, ...template } = request.body;
        await saveTemplate(db, template, { actor: principalOf(request, "admin").name, reason });
        return reply.code(204).send();
      },
    );
    app.post(
      "/ui/templates/test",
      {
        preHandler: admin,
        schema: {
          hide: true,
          body: z.strictObject({
            kind: KIND,
            channel: z.enum(CHANNELS),
            to: z.string().min(1).max(254),
            ...VALUES,
          }),
        },
      },
      async (request) => ({
        lead_id: await sendTest(db, request.body, principalOf(request, "admin").name),
      }),
    );
    app.post(
      "/ui/channels/:channel/open",
      {
        preHandler: admin,
        schema: {
          hide: true,
          params: z.object({ channel: z.enum(CHANNELS) }),
          body: z.strictObject({ reason: Reason }),
        },
      },
      async (request, reply) => {
        const { reason } = request.body;
        const actor = principalOf(request, "admin").name;
        await reopenChannel(db, request.params.channel, { actor, reason });
        return reply.code(204).send();
      },
    );
  };
}
