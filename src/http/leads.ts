import { randomUUID } from "node:crypto";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { CODE_OF_SQLSTATE } from "../db/errors.ts";
import { OnceboxError } from "../errors.ts";
import { findLead } from "../inspect/leads.ts";
import { readRecentLeads } from "../inspect/recent-leads.ts";
import { registerSurely } from "../outbox/commit.ts";
import type { LeadRecord } from "../outbox/lead.ts";
import type { RecordResult, Refusal } from "../outbox/register.ts";
import type { Database } from "./database.ts";
import { type Principal, principalOf, requireScope } from "./principal.ts";
import { HttpError } from "./problem.ts";
import * as shape from "./shapes.ts";
import { toSnake } from "./snake.ts";

interface LeadRoutes extends Database {
  /** Leads that a number may have in an hour; null = as many as come. */
  readonly leadsPerPhone: number | null;
}

/** How long a commit that nobody answered is asked for, on new connections. */
const SURELY_MS = 8_000;
const HOUR_MS = 3_600_000;
const MOST_RECORDS = 1_000;
const BATCH_BYTES = 1_048_576;

export function leadRoutes({ pool, db, leadsPerPhone }: LeadRoutes): FastifyPluginAsync {
  return async (plain) => {
    const app = plain.withTypeProvider<ZodTypeProvider>();

    app.post(
      "/v1/leads",
      {
        preHandler: requireScope("write"),
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
          body: shape.Lead,
          response: { 200: shape.Registered, 201: shape.Registered, ...shape.PROBLEMS },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request, "write");
        const record = toRecord(request.body, readKey(request), principal);
        const [result] = await register([record]);
        if (result === undefined) throw new TypeError("a lead was registered without a result");
        if (result.refusal !== null) throw toProblem(result.refusal);
        reply.header("location", `/v1/leads/${result.leadId}`);
        if (!result.created) reply.header("idempotency-replayed", "true");
        return reply.code(result.created ? 201 : 200).send({ lead_id: result.leadId });
      },
    );

    app.post(
      "/v1/leads::batch",
      {
        bodyLimit: BATCH_BYTES,
        preHandler: requireScope("write"),
        schema: {
          summary: "Register many leads",
          description: `An array, or NDJSON (application/x-ndjson); at most ${MOST_RECORDS} and 1 MiB. All good ones are committed together; each record has its own result, in order. Send the same batch again after a lost answer: with keys nothing is doubled.`,
          tags: ["leads"],
          body: z.array(shape.LeadOfMany).min(1).max(MOST_RECORDS),
          response: { 200: z.array(shape.RecordResult), ...shape.PROBLEMS },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request, "write");
        const results = await register(
          request.body.map(({ idempotency_key, ...lead }) =>
            toRecord(lead, idempotency_key ?? null, principal),
          ),
        );
        const lines = results.map(toLine);
        if (!isNdjson(request)) return lines;
        return await sendNdjson(reply, lines);
      },
    );

    app.get(
      "/v1/leads/:id",
      {
        preHandler: requireScope("read"),
        schema: {
          summary: "What a lead got",
          tags: ["leads"],
          params: z.object({ id: z.uuid() }),
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

  /** Those whose number had enough of late are registered one by one, if their key came before. */
  async function register(records: readonly LeadRecord[]): Promise<RecordResult[]> {
    const over = await findOverLimit(records);
    const within = records.filter((_, index) => !over.has(index));
    const registered = within.length === 0 ? [] : await registerSurely(pool, within, SURELY_MS);
    const results: RecordResult[] = [];
    for (const [index, record] of records.entries()) {
      const retryAfterS = over.get(index);
      const result =
        retryAfterS === undefined
          ? registered.shift()
          : await recognise(record, retryAfterS, records.length === 1);
      if (result === undefined) throw new TypeError("fewer results than records");
      results.push(result);
    }
    return results;
  }

  async function recognise(
    record: LeadRecord,
    retryAfterS: number,
    isAlone: boolean,
  ): Promise<RecordResult> {
    try {
      const [result] = await registerSurely(pool, [record], SURELY_MS, ([it]) => {
        if (it?.created) throw tooMany(retryAfterS);
      });
      return result as RecordResult;
    } catch (error) {
      if (isAlone || !(error instanceof HttpError)) throw error;
      const { code, message, hint } = error;
      return { leadId: null, created: null, refusal: { code, field: "phone", message, hint } };
    }
  }

  /** By place, in how many seconds the number may have another lead. */
  async function findOverLimit(records: readonly LeadRecord[]): Promise<Map<number, number>> {
    const over = new Map<number, number>();
    if (leadsPerPhone === null) return over;
    const phones = records.map((it) => it.phone).filter((it) => typeof it === "string");
    if (phones.length === 0) return over;
    const recent = await readRecentLeads(db, phones, HOUR_MS);
    const counts = new Map(recent.map((it) => [it.phone, { ...it }]));
    for (const [index, { phone }] of records.entries()) {
      const count = counts.get(phone as string);
      if (count === undefined) continue;
      if (count.leads++ < leadsPerPhone) continue;
      const sinceFirstMs = Date.now() - (count.firstAt?.getTime() ?? Date.now());
      over.set(index, Math.max(1, (HOUR_MS - sinceFirstMs) / 1_000));
    }
    return over;
  }

  function tooMany(retryAfterS: number): HttpError {
    return new HttpError(
      429,
      "ONCEBOX_RATE_LIMITED",
      `this number had ${leadsPerPhone} leads within an hour`,
      { hint: "Wait, or raise ONCEBOX_LEADS_PER_PHONE.", retryAfterS },
    );
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

/** As the IETF draft has it, a string in quotes; or bare, as most send it. */
function readKey({ headers }: FastifyRequest): string | null {
  const given = headers["idempotency-key"];
  if (given === undefined) return null;
  const [, quoted] = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(`${given}`) ?? [];
  const key = quoted?.replaceAll(/\\(["\\])/g, "$1") ?? `${given}`;
  if (/^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(key)) return key;
  throw new HttpError(400, "ONCEBOX_INPUT_INVALID", "wrong: Idempotency-Key", {
    hint: "Correct what errors lists.",
    errors: [
      {
        field: "Idempotency-Key",
        message: `has ${key.length} characters, wanted 1 to 255 printable ASCII ones`,
        hint: "Use what makes the submission unique, such as form-8f2c, or leave it out.",
      },
    ],
  });
}

function toProblem({ code, field, message, hint }: Refusal): HttpError {
  const ours = CODE_OF_SQLSTATE[code] ?? "ONCEBOX_LEAD_INVALID";
  const status = ours === "ONCEBOX_KEY_REUSED" ? 422 : 400;
  return new HttpError(status, ours, message, { hint, errors: [{ field, message, hint }] });
}

type Line = z.infer<typeof shape.RecordResult>;

function toLine(result: RecordResult, index: number): Line {
  const record = index + 1;
  if (result.refusal === null) return { record, lead_id: result.leadId, created: result.created };
  const { code, field, message, hint } = result.refusal;
  return { record, error: { code: CODE_OF_SQLSTATE[code] ?? code, field, message, hint } };
}

function isNdjson({ headers }: FastifyRequest): boolean {
  return /^application\/x-ndjson\b/.test(headers["content-type"] ?? "");
}

async function sendNdjson(reply: FastifyReply, lines: readonly Line[]): Promise<FastifyReply> {
  return await reply
    .type("application/x-ndjson")
    .serializer((value: unknown) =>
      (value as Line[]).map((it) => `${JSON.stringify(it)}\n`).join(""),
    )
    .send(lines);
}
