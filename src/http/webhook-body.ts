import { createHash, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { WebhookEvent } from "../outbox/webhook.ts";

/** What a body is: only a `delivery` is kept. */
export type Webhook =
  | { readonly kind: "malformed" | "refused" }
  /** Signed, and about something that is no message of ours. */
  | { readonly kind: "ignored"; readonly eventId: number }
  | { readonly kind: "delivery"; readonly event: WebhookEvent };

/** What the signature covers has to be exactly this, so that two readings of one text cannot differ. */
const SIGNED = z.object({
  eventId: z.int().positive(),
  attempt: z.int().min(1).max(10),
  eventCreateTs: z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
  eventType: z.unknown().optional(),
  data: z.unknown().optional(),
  sign: z.unknown().optional(),
});

type Signed = z.infer<typeof SIGNED>;

/** Ids come as texts or as numbers; whatever else stands there, and the number `to`, is not read. */
const REPORT = z.object({
  messageId: z.union([z.int().positive(), z.string().regex(/^\d{1,20}$/)]).transform(String),
  campaignId: z
    .union([z.int().positive(), z.string().regex(/^\d{1,20}$/)])
    .transform(String)
    .nullable()
    .catch(null),
  status: z
    .string()
    .regex(/^[A-Z]{1,20}$/)
    .nullable()
    .catch(null),
});

export function readWebhook(body: string, secrets: readonly string[]): Webhook {
  const signed = SIGNED.safeParse(parseJson(body));
  if (!signed.success) return { kind: "malformed" };
  const it = signed.data;
  if (!isSigned(it, secrets)) return { kind: "refused" };

  const { eventId, attempt, eventCreateTs } = it;
  const report = it.eventType === "sms-delivery-report" ? REPORT.safeParse(it.data) : null;
  if (!report?.success) return { kind: "ignored", eventId };
  return { kind: "delivery", event: { eventId, attempt, created: eventCreateTs, ...report.data } };
}

/**
 * Numbers that are not written as whole ones are none: `26.0` and `2.6e1` are 26 to JavaScript, and
 * not what was signed.
 */
function parseJson(body: string): unknown {
  const wholeOnly = (_key: string, value: unknown, context?: { readonly source?: string }) =>
    typeof value === "number" && !/^\d+$/.test(context?.source ?? "") ? null : value;
  try {
    return JSON.parse(body, wholeOnly);
  } catch {
    return null;
  }
}

/** Compares digests of one length, of all the secrets, whatever was given: time tells nothing. */
function isSigned(
  { eventId, attempt, eventCreateTs, sign }: Signed,
  secrets: readonly string[],
): boolean {
  const given = sha256(typeof sign === "string" ? sign : "");
  return secrets
    .map((secret) => {
      const expected = createHash("sha1").update(
        `${eventId}|${attempt}|${eventCreateTs}|${secret}`,
      );
      return timingSafeEqual(given, sha256(expected.digest("hex")));
    })
    .includes(true);
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
