import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import type { Kysely } from "kysely";
import type { Logger } from "../log.ts";
import { takeWebhook, type WebhookVerdict } from "../outbox/webhook.ts";
import { readWebhook } from "./webhook-body.ts";
import { callLimit } from "./webhook-limit.ts";

/**
 * What became of a call, to be counted:
 *
 * - `taken`, `kept`, `repeated`  see `WebhookVerdict`
 * - `ignored`   of a kind that tells nothing of a message
 * - `refused`   its signature is not right
 * - `malformed` not what Mobizon sends
 * - `limited`   too many from one address
 * - `failed`    it could not be kept; Mobizon sends it again
 */
export type WebhookOutcome =
  | WebhookVerdict
  | "ignored"
  | "refused"
  | "malformed"
  | "limited"
  | "failed";

export interface WebhookDeps {
  readonly db: Kysely<unknown>;
  /** What Mobizon signs with; any of them will do. None: there is no such endpoint. */
  readonly secrets: readonly string[];
  readonly log: Logger;
  /** Told of every call. */
  readonly count?: ((outcome: WebhookOutcome) => void) | undefined;
  /** From one address; more are refused before they are read. */
  readonly callsPerSecond?: number | undefined;
}

/** One of Mobizon's has about 300 bytes. */
const MOST_BYTES = 8 * 1024;
/** Mobizon waits five seconds, and comes again. */
const TAKE_WITHIN_MS = 3_000;
/** As many SMS a second end at once, at most. */
const CALLS_PER_SECOND = 200;
/** A wrong secret refuses every one of them, and one line says it. */
const SAY_AGAIN_MS = 60_000;

/**
 * `POST /webhooks/mobizon`: kept, and answered at once. Whatever it says, its one effect is that the
 * provider is asked about the message soon, and so nothing is ever sent, settled or repeated by it.
 *
 * | answer | when                                                                    |
 * | ------ | ----------------------------------------------------------------------- |
 * | 200    | kept, seen before, or of a kind that does not concern us                |
 * | 400    | no JSON object, or an eventId, attempt or eventCreateTs that is none    |
 * | 403    | the signature is missing, malformed or not right                        |
 * | 404    | no secret is set: Mobizon would send no signature                       |
 * | 413    | more than 8 KiB                                                         |
 * | 415    | not JSON                                                                |
 * | 429    | too many from one address                                               |
 * | 503    | it could not be kept in time: Mobizon sends it again                    |
 */
export function webhookRoutes(deps: WebhookDeps): FastifyPluginAsync {
  const { secrets, log } = deps;
  const count = deps.count ?? (() => {});
  const isWithin = callLimit(deps.callsPerSecond ?? CALLS_PER_SECOND);
  const sayRefused = onceIn(SAY_AGAIN_MS, () =>
    log.warn(
      {},
      "webhook:refused, a signature is not right: is MOBIZON_WEBHOOK_SECRET the one of Mobizon's panel?",
    ),
  );

  return async (app) => {
    if (secrets.length === 0) return;
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(
      "application/json",
      { parseAs: "string", bodyLimit: MOST_BYTES },
      (_request, body, done) => done(null, body),
    );
    app.post("/webhooks/mobizon", {
      bodyLimit: MOST_BYTES,
      onRequest: async (request, reply) => {
        if (isWithin(request.ip)) return;
        count("limited");
        await reply.code(429).header("retry-after", "60").send();
      },
      handler: async (request, reply) => {
        const { status, outcome } = await handle(request);
        count(outcome);
        return reply.code(status).send();
      },
    });
  };

  async function handle(
    request: FastifyRequest,
  ): Promise<{ readonly status: number; readonly outcome: WebhookOutcome }> {
    const webhook = readWebhook(typeof request.body === "string" ? request.body : "", secrets);
    switch (webhook.kind) {
      case "malformed":
        return { status: 400, outcome: "malformed" };
      case "refused":
        sayRefused();
        return { status: 403, outcome: "refused" };
      case "ignored":
        log.info({ eventId: webhook.eventId }, "webhook:ignored");
        return { status: 200, outcome: "ignored" };
      case "delivery": {
        const { eventId, attempt } = webhook.event;
        try {
          const verdict = await within(TAKE_WITHIN_MS, takeWebhook(deps.db, webhook.event));
          log.debug({ eventId, attempt, verdict }, "webhook:taken");
          return { status: 200, outcome: verdict };
        } catch (error) {
          log.warn({ err: error, eventId, attempt }, "webhook:not kept, Mobizon sends it again");
          return { status: 503, outcome: "failed" };
        }
      }
    }
  }
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("the database took too long")), limitMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // What comes after the answer is nobody's to hear; the same event comes again.
    work.catch(() => {});
  }
}

function onceIn(ms: number, act: () => void): () => void {
  let againAt = -Infinity;
  return () => {
    const now = performance.now();
    if (now < againAt) return;
    againAt = now + ms;
    act();
  };
}
