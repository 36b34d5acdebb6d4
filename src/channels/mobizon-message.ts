import type { OutgoingMessage, SendContext, SendOutcome } from "../outbox/outcome.ts";
import { cleanText } from "./foreign-text.ts";
import { isRecord, readId, readInteger } from "./mobizon-call.ts";
import type { FlowDeps } from "./mobizon-campaign.ts";
import { refusal } from "./mobizon-codes.ts";

/**
 * The one call that sends at once. There is no idempotency key, so whatever is not a refusal
 * the vendor documents as "not sent" is `unknown`, to be searched for by number and name.
 */
export async function sendByMessage(
  { call, sender, secrets }: FlowDeps,
  message: OutgoingMessage,
  context: SendContext,
): Promise<SendOutcome> {
  const form = {
    recipient: message.recipient.slice(1),
    text: message.body,
    "params[name]": message.reference,
    ...(sender && { from: sender }),
  };
  const answer = await call("message/sendSmsMessage", form, {
    signal: context.signal,
    mayWrite: () => context.mayStillSend(),
  });
  if (!answer.ok) return answer.failure;
  if (answer.value.code !== 0) return refusal(answer.value, secrets);

  const data = isRecord(answer.value.data) ? answer.value.data : {};
  const providerRef = readId(data.messageId);
  const campaignId = readId(data.campaignId);
  if (providerRef === null) {
    const detail = cleanText(`done, without a message id: ${JSON.stringify(data)}`, secrets);
    return { kind: "unknown", code: "answer_odd", detail };
  }
  return {
    kind: "accepted",
    providerRef,
    ...(campaignId && { campaignId }),
    ...(readInteger(data.status) === 1 && { delivery: "moderation" }),
  };
}
