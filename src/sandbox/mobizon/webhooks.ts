import { createHash } from "node:crypto";
import { z } from "zod";
import { type FaultBook, faultBook } from "../faults.ts";
import type { SmsRecord } from "./account.ts";
import type { MobizonSettings } from "./context.ts";
import { looseId, looseNumber, timeText } from "./envelope.ts";
import { finalStatusOf, segmentsOf } from "./numbers.ts";

const webhookFault = z.discriminatedUnion("post", [
  z.strictObject({ post: z.enum(["lost", "twice", "unsigned", "signed_wrongly"]) }),
  z.strictObject({ post: z.literal("late"), delayMs: z.number().min(0) }),
  z.strictObject({ post: z.literal("forged"), data: z.record(z.string(), z.unknown()) }),
]);

/**
 * One way for a webhook to go wrong:
 *
 * - `lost`            it never comes
 * - `twice`           it comes again although it was taken: the next attempt of the same event
 * - `late`            after `delayMs`, and so perhaps after those of later messages
 * - `forged`          its `data` is changed on the way; the signature, which does not cover it, is right
 * - `unsigned`, `signed_wrongly`
 */
type WebhookFault = z.infer<typeof webhookFault>;

/** What `POST /_sandbox/webhook-faults` takes. */
export const webhookFaultWish = z.strictObject({
  match: z
    .strictObject({
      recipient: z.string().optional(),
      name: z.string().optional(),
      status: z.string().optional(),
    })
    .optional(),
  times: z.union([z.int().min(1), z.literal("always")]).optional(),
  fault: webhookFault,
});

export type WebhookFaultWish = z.infer<typeof webhookFaultWish>;

/** One post as it went. */
export interface WebhookPost {
  readonly at: string;
  readonly eventId: number;
  readonly attempt: number;
  readonly messageId: string;
  readonly status: string;
  /** The HTTP status; null = there was no answer. */
  readonly answered: number | null;
  readonly fault: WebhookFault["post"] | null;
}

/** Posts the final status of every SMS where the settings say. */
export interface Webhooks {
  readonly faults: FaultBook<WebhookFault>;
  /** An SMS went out; its status is final so much later. */
  expect(sms: SmsRecord, finalInMs: number): void;
  posts(): WebhookPost[];
  stop(): void;
}

/** As the vendor does it: so many attempts, each one longer after the one before, and as long for an answer. */
const MOST_ATTEMPTS = 10;
const ANSWER_WITHIN_MS = 5_000;
const POSTS_KEPT = 10_000;

export function webhooks(settings: () => MobizonSettings): Webhooks {
  const faults = faultBook<WebhookFault>([]);
  const timers = new Set<NodeJS.Timeout>();
  const posts: WebhookPost[] = [];
  const stopping = new AbortController();

  function later(ms: number, act: () => Promise<void>): void {
    if (stopping.signal.aborted) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      act().catch(() => {});
    }, ms);
    timers.add(timer);
  }

  function begin(sms: SmsRecord): void {
    const status = finalStatusOf(sms.to);
    const fault = faults.draw({ recipient: sms.to, name: sms.campaign, status });
    if (fault?.post === "lost") return;
    later(fault?.post === "late" ? fault.delayMs : 0, () => post(sms, 1, fault));
  }

  async function post(sms: SmsRecord, attempt: number, fault: WebhookFault | null): Promise<void> {
    const { webhook, webhookRetryMs } = settings();
    if (webhook === null) return;
    const body = bodyOf(sms, attempt, webhook.secret, fault);
    const answered = await send(webhook.url, JSON.stringify(body), stopping.signal);
    const { eventId } = body;
    const { status } = body.data;
    const at = new Date().toISOString();
    posts.push({
      ...{ at, eventId, attempt, messageId: sms.id, status, answered },
      fault: fault?.post ?? null,
    });
    if (posts.length > POSTS_KEPT) posts.shift();
    const isTaken = answered !== null && answered >= 200 && answered < 300;
    const isRepeated = fault?.post === "twice" && attempt === 1;
    if ((isTaken && !isRepeated) || attempt === MOST_ATTEMPTS) return;
    later(isTaken ? 0 : attempt * webhookRetryMs, () => post(sms, attempt + 1, fault));
  }

  return {
    faults,
    expect: (sms, finalInMs) => {
      if (settings().webhook !== null) later(finalInMs, async () => begin(sms));
    },
    posts: () => [...posts],
    stop: () => {
      stopping.abort();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

function bodyOf(sms: SmsRecord, attempt: number, secret: string, fault: WebhookFault | null) {
  // One event a message, so that a restart makes no second one.
  const eventId = Number(sms.id);
  const eventCreateTs = timeText(Date.now());
  const key = fault?.post === "signed_wrongly" ? `not ${secret}` : secret;
  const sign = createHash("sha1")
    .update(`${eventId}|${attempt}|${eventCreateTs}|${key}`)
    .digest("hex");
  return {
    eventId,
    eventType: "sms-delivery-report",
    eventCreateTs,
    webhookId: 1,
    attempt,
    data: {
      campaignId: looseId(Number(sms.campaignId)),
      messageId: looseId(Number(sms.id)),
      segNum: looseNumber(segmentsOf(sms.text)),
      statusUpdateTs: eventCreateTs,
      status: finalStatusOf(sms.to) as string,
      to: sms.to,
      ...(fault?.post === "forged" && fault.data),
    },
    ...(fault?.post !== "unsigned" && { sign }),
  };
}

/** The HTTP status, or null when nobody answered. */
async function send(url: string, body: string, stopping: AbortSignal): Promise<number | null> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      redirect: "manual",
      signal: AbortSignal.any([stopping, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    });
    await response.body?.cancel();
    return response.status;
  } catch {
    return null;
  }
}
