import { OnceboxError } from "../errors.ts";
import type { Channel } from "../outbox/outcome.ts";
import { createMobizonApi, type MobizonApiSettings } from "./mobizon-api.ts";
import { createMobizonCall, secretsOf } from "./mobizon-call.ts";
import { continueDraft, sendByCampaign } from "./mobizon-campaign.ts";
import { readBalance, trackDeliveries } from "./mobizon-delivery.ts";
import { discardDrafts, findMessage } from "./mobizon-lookup.ts";
import { sendByMessage } from "./mobizon-message.ts";
import { probeMobizon } from "./mobizon-probe.ts";
import { findRecord, readRecord } from "./mobizon-record.ts";

export interface MobizonSettings extends MobizonApiSettings {
  /**
   * - `campaign`  create, add, keep both ids, send: a crash leaves a lookup instead of a guess
   * - `message`   one call; an unknown outcome can only be searched for
   */
  readonly mode: "campaign" | "message";
}

/** E.164: the longest number has 15 digits, and the shortest in use 7. */
const E164 = /^\+[1-9]\d{6,14}$/;
/** What can be told apart from everyone else's campaigns, and survives any encoding. */
const REFERENCE = /^[A-Za-z0-9-]{1,60}$/;

/**
 * SMS through Mobizon. Each send opens connections of its own and leaves none.
 *
 * @throws OnceboxError `ONCEBOX_CONFIG_INVALID` - the address or the key cannot be used.
 */
export function createMobizonChannel(settings: MobizonSettings): Channel {
  if (settings.mode !== "campaign" && settings.mode !== "message") {
    throw new OnceboxError("ONCEBOX_CONFIG_INVALID", "the Mobizon send mode is not known", {
      detail: `Expected "campaign" or "message", got ${JSON.stringify(settings.mode)}.`,
      hint: "Set MOBIZON_SEND_MODE to campaign, the default, or to message.",
    });
  }
  const call = createMobizonCall(settings);
  const api = createMobizonApi(settings, call);
  const deps = { call, api, sender: settings.sender, secrets: secretsOf(settings) };

  return {
    async send(message, context) {
      // First, in either mode: what an earlier attempt prepared may have gone out, and only its
      // own record can tell. Anything else here could be a second SMS.
      if (message.draft !== null) return continueDraft(deps, message, message.draft, context);

      if (!E164.test(message.recipient)) return refused("recipient_invalid", "not E.164");
      if (message.body === "") return refused("text_empty", "the text is empty");
      if (!REFERENCE.test(message.reference))
        return refused("reference_invalid", "not a reference");
      const send = settings.mode === "campaign" ? sendByCampaign : sendByMessage;
      return send(deps, message, context);
    },
    lookUp: (key, signal) => findMessage(api, key, signal),
    discardDrafts: (left, signal) => discardDrafts(api, left, signal),
    trackDeliveries: (keys, signal) => trackDeliveries(api, keys, signal),
    readBalance: (signal) => readBalance(api, signal),
    readRecord: (range, signal) => readRecord(api, range, signal),
    findRecord: (campaignId, signal) => findRecord(api, campaignId, signal),
    probe: (signal) => probeMobizon(api, signal),
    async close() {},
  };
}

function refused(code: string, detail: string) {
  return { kind: "rejected", code, detail } as const;
}
