import { randomUUID } from "node:crypto";
import type {
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
  FastifySchemaCompiler,
} from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { CODE_OF_SQLSTATE } from "../db/errors.ts";
import { type ErrorCode, OnceboxError } from "../errors.ts";
import { findLeadProblems } from "../inspect/lead-problems.ts";
import { findLead } from "../inspect/leads.ts";
import type { Metrics } from "../metrics.ts";
import { registerSurely } from "../outbox/commit.ts";
import type { LeadRecord } from "../outbox/lead.ts";
import { limitPerRecipient } from "../outbox/limit.ts";
import type { ChannelName } from "../outbox/notification.ts";
import { isUnstorable, type RecordResult, type Refusal } from "../outbox/register.ts";
import { continueTrace } from "../trace.ts";
import { check, compileCheck, wrongFields } from "./check.ts";
import type { Database } from "./database.ts";
import { type Principal, principalOf, requireScope } from "./principal.ts";
import { HttpError } from "./problem.ts";
import * as shape from "./shapes.ts";
import { toSnake } from "./snake.ts";

interface LeadRoutes extends Database {
  /** Leads that a number, or an address, may have in an hour; null = as many as come. */
  readonly leadsPerPhone: number | null;
  readonly metrics: Pick<Metrics, "registered">;
}

/** How long a commit that nobody answered is asked for, on new connections. */
const SURELY_MS = 8_000;
const RECIPIENT_WINDOW_MS = 3_600_000;
const MOST_RECORDS = 1_000;
const NDJSON = "application/x-ndjson";
const BATCH_BYTES = 1_048_576;
const LIST = z.array(z.unknown()).min(1).max(MOST_RECORDS);

/** Of a batch's body only that it is a list: each record is checked by itself. */
const checkList: FastifySchemaCompiler<unknown> = (part) => {
  const schema = part.httpPart === "body" ? LIST : (part.schema as z.ZodType);
  return compileCheck({ ...part, schema });
};

export function leadRoutes({ pool, db, leadsPerPhone, metrics }: LeadRoutes): FastifyPluginAsync {
  const judge =
    leadsPerPhone === null
      ? undefined
      : limitPerRecipient({ most: leadsPerPhone, withinMs: RECIPIENT_WINDOW_MS });

  return async (plain) => {
    const app = plain.withTypeProvider<ZodTypeProvider>();

    app.post(
      "/v1/leads",
      {
        onRequest: requireScope("write"),
        schema: {
          summary: "Register a lead",
          description:
            "Answers once it is committed: 201, or 200 with Idempotency-Replayed: true when the same key came before.",
          tags: ["leads"],
          headers: z.looseObject({
            "idempotency-key": z
              .string()
              .optional()
              .describe("What makes this registration unique in its source, such as form-8f2c."),
          }),
          querystring: shape.NOTHING,
          body: shape.Lead,
          response: { 200: shape.Registered, 201: shape.Registered, ...shape.PROBLEMS },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request, "write");
        const record = toRecord(request.body, readKey(request), principal);
        const [result] = await register([record], request);
        if (result === undefined) throw new TypeError("a lead was registered without a result");
        if (result.refusal !== null) throw await toProblem(result.refusal, record);
        reply.header("location", `/v1/leads/${result.leadId}`);
        if (!result.created) reply.header("idempotency-replayed", "true");
        return reply.code(result.created ? 201 : 200).send({ lead_id: result.leadId });
      },
    );

    app.post(
      "/v1/leads::batch",
      {
        bodyLimit: BATCH_BYTES,
        onRequest: requireScope("write"),
        schema: {
          summary: "Register many leads",
          description: `An array, or NDJSON (application/x-ndjson); at most ${MOST_RECORDS} and 1 MiB. All good ones are committed together; each record has its own result, in order. Send the same batch again after a lost answer: with keys nothing is doubled.`,
          tags: ["leads"],
          querystring: shape.NOTHING,
          consumes: ["application/json", NDJSON],
          body: z.array(shape.LeadOfMany).min(1).max(MOST_RECORDS),
          response: { 200: z.array(shape.RecordResult), ...shape.PROBLEMS },
        },
        validatorCompiler: checkList,
      },
      async (request, reply) => {
        const principal = principalOf(request, "write");
        refuseKey(request);
        const read = (request.body as unknown[]).map((it) => readRecord(it, principal));
        const results = await register(read.filter(isRecord), request);
        const lines = read.map((it, index) =>
          it instanceof HttpError
            ? toWrongLine(it, index)
            : toLine(results.shift() as RecordResult, index),
        );
        if (!isNdjson(request)) return lines;
        return await sendNdjson(reply, lines);
      },
    );

    app.get(
      "/v1/leads/:id(.+)",
      {
        onRequest: requireScope("read"),
        schema: {
          summary: "What a lead got",
          tags: ["leads"],
          params: z.object({ id: z.uuid() }),
          querystring: shape.NOTHING,
          response: { 200: shape.LeadView, ...shape.PROBLEMS },
        },
      },
      async (request) => {
        const lead = await findLead(db, request.params.id);
        if (lead === null) {
          throw new OnceboxError("ONCEBOX_NOT_FOUND", "there is no such lead", {
            hint: "Its id is what the registration answered.",
          });
        }
        return toSnake(lead) as z.infer<typeof shape.LeadView>;
      },
    );
  };

  /** As a part of the caller's trace, where one came with the request. */
  async function register(
    records: readonly LeadRecord[],
    { headers }: FastifyRequest,
  ): Promise<RecordResult[]> {
    if (records.length === 0) return [];
    const results = await continueTrace(headers, () =>
      registerSurely(pool, records, SURELY_MS, judge),
    );
    for (const [index, { created }] of results.entries()) {
      const result = created === null ? "refused" : created ? "created" : "repeated";
      metrics.registered(channelsOf(records[index] ?? {}), result);
    }
    return results;
  }

  async function toProblem(refusal: Refusal, record: LeadRecord): Promise<HttpError> {
    const { message, hint, retryAfterS } = refusal;
    const code = codeOf(refusal);
    if (code === "ONCEBOX_RATE_LIMITED" && retryAfterS !== undefined) {
      return new HttpError(429, code, message, { hint, retryAfterS });
    }
    if (code === "ONCEBOX_KEY_REUSED") return new HttpError(422, code, message, { hint });
    const { field } = refusal;
    // The first one is what the registration itself was refused for, and it stops there.
    const found = isUnstorable(record) ? [] : await findLeadProblems(db, record);
    const errors = found.length > 1 ? found : [{ field, message, hint }];
    return wrongFields(errors, code);
  }
}

/**
 * Without a key of the caller's it gets one of ours: so a commit that was not answered can be asked for.
 */
function toRecord(
  lead: shape.LeadBody,
  key: string | null,
  { name, source }: Principal,
): LeadRecord {
  if (source !== null && lead.source != null && lead.source !== source) {
    throw new HttpError(
      403,
      "ONCEBOX_FORBIDDEN",
      `the token ${name} registers leads of source ${source} only`,
      { hint: "Leave source out, or make a token for the other source." },
    );
  }
  return {
    ...lead,
    source: source ?? lead.source,
    idempotency_key: key ?? `http-${randomUUID()}`,
  };
}

/** One of many, or why it cannot be one. */
function readRecord(given: unknown, principal: Principal): LeadRecord | HttpError {
  if (given instanceof HttpError) return given;
  const checked = check(shape.LeadOfMany, given, "the record");
  if ("error" in checked) return checked.error;
  const { idempotency_key, ...lead } = checked.value;
  try {
    return toRecord(lead, idempotency_key || null, principal);
  } catch (error) {
    if (error instanceof HttpError) return error;
    throw error;
  }
}

function isRecord(it: LeadRecord | HttpError): it is LeadRecord {
  return !(it instanceof HttpError);
}

const KEY = "Idempotency-Key";

/** As the IETF draft has it, a string in quotes; or bare, as most send it. */
function readKey({ raw }: FastifyRequest): string | null {
  const [given, second] = raw.headersDistinct["idempotency-key"] ?? [];
  if (given === undefined) return null;
  if (second !== undefined) throw wrongKey("is there twice, wanted one");
  const [, quoted] = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(given) ?? [];
  const key = quoted?.replaceAll(/\\(["\\])/g, "$1") ?? given;
  if (/^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(key)) return key;
  throw wrongKey(`has ${key.length} characters, wanted 1 to 255 printable ASCII ones`);
}

/** One key cannot stand for many. */
function refuseKey({ headers }: FastifyRequest): void {
  if (headers["idempotency-key"] === undefined) return;
  throw wrongKey("is not taken here: each record has its own idempotency_key");
}

function wrongKey(what: string): HttpError {
  return wrongFields([
    {
      field: KEY,
      message: `${KEY} ${what}`,
      hint: "Use what makes the submission unique, such as form-8f2c, or leave it out.",
    },
  ]);
}

function channelsOf({ phone, email }: LeadRecord): ChannelName[] {
  return [...(phone == null ? [] : ["sms" as const]), ...(email == null ? [] : ["email" as const])];
}

function codeOf({ code }: Refusal): ErrorCode {
  if (code === "ONCEBOX_RATE_LIMITED") return code;
  return CODE_OF_SQLSTATE[code] ?? "ONCEBOX_LEAD_INVALID";
}

type Line = z.infer<typeof shape.RecordResult>;

function toLine(result: RecordResult, index: number): Line {
  const record = index + 1;
  if (result.refusal === null) return { record, lead_id: result.leadId, created: result.created };
  const { field, message, hint } = result.refusal;
  return { record, error: { code: codeOf(result.refusal), field, message, hint } };
}

/** A line that is wrong before the database looks at it keeps no other one out. */
function toWrongLine({ code, message, hint, errors }: HttpError, index: number): Line {
  return { record: index + 1, error: { code, field: errors[0]?.field ?? null, message, hint } };
}

function isNdjson({ headers }: FastifyRequest): boolean {
  return headers["content-type"]?.startsWith(NDJSON) ?? false;
}

async function sendNdjson(reply: FastifyReply, lines: readonly Line[]): Promise<FastifyReply> {
  return await reply
    .type(NDJSON)
    .serializer((value: unknown) =>
      (value as Line[]).map((it) => `${JSON.stringify(it)}\n`).join(""),
    )
    .send(lines);
}
