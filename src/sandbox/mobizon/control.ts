import { type IncomingMessage, STATUS_CODES } from "node:http";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { mobizonFaultWish } from "./faults.ts";
import type { MobizonRequest, MobizonService } from "./service.ts";

/** What `POST /_sandbox/settings` takes: only what is named changes. */
const changedSettings = z.strictObject({
  delayMs: z.number().min(0).exactOptional(),
  listLagMs: z.number().min(0).exactOptional(),
  countersLagMs: z.number().min(0).exactOptional(),
  moderation: z.enum(["none", "approve", "decline"]).exactOptional(),
  moderationMs: z.number().min(0).exactOptional(),
  singleTakesRecipients: z.boolean().exactOptional(),
  access: z.enum(["ok", "blocked", "wrong_host"]).exactOptional(),
  callsPerSecond: z.int().min(1).nullable().exactOptional(),
});

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** The stand-in's own requests, which the real vendor does not have: everything below /_sandbox. */
export async function control(
  service: MobizonService,
  request: IncomingMessage,
  path: string,
): Promise<Reply> {
  switch (`${request.method} ${path}`) {
    case "GET /_sandbox/messages":
      return ok(service.messages());
    case "GET /_sandbox/requests":
      return ok({ counts: countCodes(service.requests()), recent: service.requests() });
    case "POST /_sandbox/faults":
      return taking(request, mobizonFaultWish, (wish) => service.faults.add(wish));
    case "DELETE /_sandbox/faults":
      service.faults.clear();
      return ok({});
    case "POST /_sandbox/settings":
      return taking(request, changedSettings, (changed) => service.set(changed));
    default:
      return { status: 404, body: { error: STATUS_CODES[404] } };
  }
}

async function taking<Wish>(
  request: IncomingMessage,
  schema: z.ZodType<Wish>,
  take: (wish: Wish) => void,
): Promise<Reply> {
  const wish = schema.safeParse(parseJson(await text(request)));
  if (!wish.success) return { status: 400, body: { error: z.prettifyError(wish.error) } };
  take(wish.data);
  return ok({});
}

function ok(body: unknown): Reply {
  return { status: 200, body };
}

/** How often each method got each code. */
function countCodes(requests: readonly MobizonRequest[]): Record<string, Record<string, number>> {
  const counts: Record<string, Record<string, number>> = {};
  for (const { method, code } of requests) {
    counts[method] ??= {};
    counts[method][code] = (counts[method][code] ?? 0) + 1;
  }
  return counts;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
