import { z } from "zod";
import { CHANNELS, STATES } from "../outbox/notification.ts";
import { TITLE } from "./problem.ts";

/** What goes over the wire, for checking and for /openapi.json. Names as `register_lead` has them. */

/** Of a query: a name that means nothing here is a slip, and a secret that belongs into a header. */
export const NOTHING = z.strictObject({});

const TEXT = (most: number) => z.string().max(most).nullish();

/** The database checks what is in them; here only that they are what they are called. */
const LEAD_FIELDS = {
  name: TEXT(1_000).describe("Shown in the texts as {{name}}, if it looks like a name."),
  phone: TEXT(1_000).describe("A mobile number: +7 777 123 45 67, 8 (777) 123-45-67, 7771234567."),
  email: TEXT(1_000).describe("One plain address."),
  source: TEXT(1_000).describe("The form or program it came from; by default the token's."),
  due_at: TEXT(100).describe(
    'When to send: "now" or 2026-01-31T18:00:00+05:00. Default: after the delay.',
  ),
  expires_at: TEXT(100).describe("Not sent after this."),
  data: z.record(z.string(), z.unknown()).nullish().describe("Variables of the texts."),
  kind: TEXT(1_000).describe("Which texts. Default proftest."),
  sms_text: TEXT(10_000).describe("Instead of the template."),
  email_subject: TEXT(10_000).describe("Instead of the template."),
  email_text: TEXT(50_000).describe("Instead of the template."),
};

export const Lead = z
  .strictObject(LEAD_FIELDS)
  .meta({ id: "Lead", description: "One of phone and email; all else may be left out." });
export type LeadBody = z.infer<typeof Lead>;

export const LeadOfMany = z
  .strictObject({
    ...LEAD_FIELDS,
    idempotency_key: TEXT(1_000).describe("What makes this registration unique in its source."),
  })
  .meta({ id: "LeadOfMany" });

export const Registered = z
  .object({ lead_id: z.uuid() })
  .meta({ id: "Registered", description: "The same answer, whenever the same key comes again." });

const FieldError = z.object({
  field: z.string().nullable(),
  message: z.string(),
  hint: z.string(),
});

const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().describe("Match on this. docs/errors.md has them all."),
    detail: z.string(),
    hint: z.string().describe("What to do about it."),
    errors: z.array(FieldError).optional().describe("Every field that is wrong."),
    request_id: z.string(),
  })
  .meta({ id: "Problem", description: "RFC 9457." });

export const RecordResult = z
  .object({
    record: z.int().describe("Its place, from 1."),
    lead_id: z.uuid().optional(),
    created: z.boolean().optional().describe("False: its key came before with the same content."),
    error: z
      .object({
        code: z.string(),
        field: z.string().nullable(),
        message: z.string(),
        hint: z.string(),
      })
      .optional(),
  })
  .meta({ id: "RecordResult", description: "Either lead_id and created, or error." });

export const NotificationId = z
  .string()
  .regex(/^[1-9]\d{0,17}$/, 'wanted a notification id such as "1042"');

export const Notification = z
  .looseObject({
    id: z.string(),
    lead_id: z.uuid(),
    channel: z.enum(CHANNELS),
    recipient: z.string().describe("Masked."),
    state: z.enum(STATES),
    state_reason: z.string().nullable(),
    attempt: z.int(),
    due_at: z.string(),
    settled_at: z.string().nullable(),
    delivery: z.string().nullable().describe("What the provider last said of it on its way."),
  })
  .meta({ id: "Notification" });

const Attempt = z
  .looseObject({
    attempt: z.int(),
    started_at: z.string(),
    ended_at: z.string().nullable(),
    outcome: z.string().nullable(),
    code: z.string().nullable(),
    detail: z.string().nullable(),
  })
  .meta({ id: "Attempt" });

const Lookup = z
  .looseObject({ attempt: z.int(), at: z.string(), finding: z.string(), verdict: z.string() })
  .meta({ id: "Lookup", description: "One question to the provider about an outcome in doubt." });

export const NotificationWithAttempts = z
  .looseObject({
    ...Notification.shape,
    attempts: z.array(Attempt),
    lookups: z.array(Lookup),
  })
  .meta({ id: "NotificationWithAttempts" });

export const LeadView = z
  .looseObject({
    id: z.uuid(),
    name: z.string().nullable().describe("Masked, as phone and email are."),
    phone: z.string().nullable(),
    email: z.string().nullable(),
    created_at: z.string().nullable(),
    source: z.string().nullable(),
    notifications: z.array(NotificationWithAttempts),
  })
  .meta({ id: "LeadView", description: "What a person got, every attempt." });

export const Page = z
  .object({
    items: z.array(Notification),
    next_cursor: z.string().nullable().describe("Pass it as cursor; null = that was all."),
  })
  .meta({ id: "Page" });

export const Reason = z.string().trim().min(3).max(500).describe("Kept in the audit, for ever.");
export const Act = z.strictObject({ reason: Reason }).meta({ id: "Act" });
export const Resolution = z
  .strictObject({
    outcome: z
      .enum(["sent", "not_sent", "send_again"])
      .describe("It went out; it did not and shall not; it provably did not and shall."),
    reason: Reason,
  })
  .meta({ id: "Resolution" });

export const PROBLEMS = Object.fromEntries(
  [400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 500, 503].map((status) => [
    status,
    {
      description: TITLE[status],
      content: { "application/problem+json": { schema: Problem } },
    },
  ]),
);
