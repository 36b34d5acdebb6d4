import { z } from "zod";
import { type Routes, showing, taking } from "../control.ts";
import { mobizonFaultWish } from "./faults.ts";
import type { MobizonRequest, MobizonService } from "./service.ts";
import { webhookFaultWish } from "./webhooks.ts";

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
  paidIn: z.number().exactOptional(),
  webhook: z
    .strictObject({ url: z.url({ protocol: /^https?$/ }), secret: z.string().min(1) })
    .nullable()
    .exactOptional(),
  webhookRetryMs: z.number().min(0).exactOptional(),
});

export function mobizonControl(service: MobizonService): Routes {
  return {
    "GET /_sandbox/messages": showing(() => service.messages()),
    "GET /_sandbox/requests": showing(() => {
      const recent = service.requests();
      return { counts: countCodes(recent), recent };
    }),
    "POST /_sandbox/faults": taking(mobizonFaultWish, (wish) => service.faults.add(wish)),
    "DELETE /_sandbox/faults": showing(() => {
      service.faults.clear();
      service.webhooks.faults.clear();
      return {};
    }),
    "GET /_sandbox/webhooks": showing(() => service.webhooks.posts()),
    "POST /_sandbox/webhook-faults": taking(webhookFaultWish, (wish) =>
      service.webhooks.faults.add(wish),
    ),
    "POST /_sandbox/settings": taking(changedSettings, (changed) => service.set(changed)),
  };
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
