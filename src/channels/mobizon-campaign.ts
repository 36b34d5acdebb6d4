/*
 * The campaign flow: everything before campaign/send can be taken back, and campaign/send acts
 * on an id that our database already has.
 *
 * fresh:      create -> addRecipients -> keepDraft -> send
 * continued:  getInfo -> (still NEW) send          `message.draft` was kept by an earlier attempt
 *
 * | step      | what happened                            | fresh            | continued         |
 * | --------- | ---------------------------------------- | ---------------- | ----------------- |
 * | prepare   | refused for the text or the recipient    | rejected         | -                 |
 * | prepare   | any other failure, a timeout too         | not_sent         | -                 |
 * | keepDraft | false, or threw                          | not_sent         | -                 |
 * | getInfo   | MODERATION, READY_FOR_SEND, .., DONE     | -                | accepted          |
 * | getInfo   | DECLINED                                 | -                | rejected          |
 * | getInfo   | NEW, not begun, not deleted, ours        | -                | go on to send     |
 * | getInfo   | failed; no such campaign; anything odd   | -                | unknown (1)       |
 * | send      | no byte written, lease over              | not_sent         | not_sent (2)      |
 * | send      | code 0, data 1 or 2                      | accepted         | accepted          |
 * | send      | code 0, other data                       | unknown          | unknown           |
 * | send      | code 2, no such campaign                 | not_sent (3)     | unknown (3)       |
 * | send      | code 10, then getInfo: as above, but NEW | unknown (4)      | unknown (4)       |
 * | send      | another code                             | table SEND_CODES | table SEND_CODES  |
 * | send      | no complete answer, 5xx, garbage         | unknown          | unknown           |
 *
 * 1. The earlier attempt may have sent, and its worker may even still be at it.
 * 2. The vendor's record said NEW in this very attempt, and this attempt wrote nothing.
 * 3. What was never sent and is gone was not sent. Of an earlier attempt's campaign we cannot
 *    say the first: someone may have deleted it from the panel after it went.
 * 4. "Status could not be changed" of a campaign that is NEW contradicts itself: another call
 *    may be changing it right now.
 */

import type {
  Draft,
  LookupKey,
  OutgoingMessage,
  SendContext,
  SendOutcome,
} from "../outbox/outcome.ts";
import { cleanText } from "./foreign-text.ts";
import type { MobizonApi } from "./mobizon-api.ts";
import { type Answer, type MobizonCall, readInteger } from "./mobizon-call.ts";
import { inDoubt, nothingSent, refusal } from "./mobizon-codes.ts";
import { type Campaign, isDraft } from "./mobizon-read.ts";
import { codeOf } from "./transport-trouble.ts";

export interface FlowDeps {
  readonly call: MobizonCall;
  readonly api: MobizonApi;
  readonly sender: string | undefined;
  readonly secrets: readonly string[];
}

/** The statuses of a campaign that was sent off, whatever becomes of it now. */
export const WENT_OUT: ReadonlySet<string> = new Set([
  "MODERATION",
  "READY_FOR_SEND",
  "AUTO_READY_FOR_SEND",
  "RUNNING",
  "SENT",
  "DONE",
]);

export async function sendByCampaign(
  deps: FlowDeps,
  message: OutgoingMessage,
  context: SendContext,
): Promise<SendOutcome> {
  const prepared = await prepare(deps.api, message, context.signal);
  if (!prepared.ok) return nothingSent(prepared.failure);

  const draft = prepared.value;
  try {
    if (!(await context.keepDraft(draft))) {
      return notSent("claim_lost", "the attempt no longer holds the claim");
    }
  } catch (error) {
    return notSent("draft_not_kept", `the draft's ids could not be committed: ${codeOf(error)}`);
  }
  return sendDraft(deps, message, draft, context);
}

/** Continues what an earlier attempt prepared. Makes no second campaign, in no case. */
export async function continueDraft(
  deps: FlowDeps,
  message: OutgoingMessage,
  draft: Draft,
  context: SendContext,
): Promise<SendOutcome> {
  const standing = await lookUp(deps.api, message, draft, context.signal);
  return standing === "still_new" ? sendDraft(deps, message, draft, context) : standing;
}

async function prepare(
  api: MobizonApi,
  message: OutgoingMessage,
  signal: AbortSignal,
): Promise<Answer<Draft>> {
  const created = await api.createCampaign({ name: message.reference, text: message.body }, signal);
  if (!created.ok) return created;
  const added = await api.addRecipient(created.value, message.recipient.slice(1), signal);
  if (!added.ok) return added;
  return { ok: true, value: { campaignId: created.value, messageId: added.value } };
}

async function sendDraft(
  { call, api, secrets }: FlowDeps,
  message: OutgoingMessage,
  draft: Draft,
  context: SendContext,
): Promise<SendOutcome> {
  const form = { id: draft.campaignId };
  const answer = await call("campaign/send", form, {
    signal: context.signal,
    mayWrite: () => context.mayStillSend(),
  });
  if (!answer.ok) return answer.failure;

  const { code, data } = answer.value;
  const isContinued = message.draft !== null;
  switch (code) {
    case 0: {
      const status = readInteger(data);
      if (status === 1) return accepted(draft, "MODERATION");
      if (status === 2) return accepted(draft, "SENT");
      return unknown("answer_odd", cleanText(`${JSON.stringify(data)}`, secrets));
    }
    case 2: {
      const failure = inDoubt(refusal(answer.value, secrets));
      return isContinued ? failure : nothingSent(failure);
    }
    case 10: {
      const standing = await lookUp(api, message, draft, context.signal);
      if (standing !== "still_new") return standing;
      return unknown("mobizon_10", "refused, though the vendor's record says NEW");
    }
    default:
      return refusal(answer.value, secrets);
  }
}

/** What the vendor's record says of a draft that was kept: where it stands, or that it is still new. */
export async function lookUp(
  api: MobizonApi,
  message: Pick<LookupKey, "reference">,
  draft: Draft,
  signal: AbortSignal,
): Promise<Standing> {
  const found = await api.getCampaign(draft.campaignId, signal);
  if (!found.ok) return inDoubt(found.failure);
  return readStanding(found.value, message, draft);
}

function readStanding(
  campaign: Campaign | null,
  message: Pick<LookupKey, "reference">,
  draft: Draft,
): Standing {
  if (campaign === null) return unknown("campaign_missing", "the vendor knows no such campaign");
  if (campaign.name !== message.reference) {
    return unknown("campaign_foreign", "the campaign of this id has another name than ours");
  }
  if (campaign.isDeleted) return unknown("campaign_deleted", `deleted, was ${campaign.status}`);
  if (campaign.status === "DECLINED") {
    return { kind: "rejected", code: "campaign_declined", detail: campaign.comment };
  }
  if (WENT_OUT.has(campaign.status)) return accepted(draft, campaign.status);
  if (isDraft(campaign)) return "still_new";
  return unknown("campaign_odd", `status ${campaign.status}, started ${campaign.startedAt}`);
}

type Accepted = Extract<SendOutcome, { kind: "accepted" }>;
type Standing = Exclude<SendOutcome, { kind: "not_sent" }> | "still_new";

function accepted({ messageId, campaignId }: Draft, status: string): Accepted {
  const facts = { kind: "accepted", providerRef: messageId, campaignId } as const;
  return status === "MODERATION" ? { ...facts, delivery: "moderation" } : facts;
}

function notSent(code: string, detail: string): SendOutcome {
  return { kind: "not_sent", code, detail };
}

function unknown(code: string, detail: string): Extract<SendOutcome, { kind: "unknown" }> {
  return { kind: "unknown", code, detail };
}
