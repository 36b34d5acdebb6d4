import type { Balance, DeliveryReport, FollowKey, Reading } from "../outbox/outcome.ts";
import type { MobizonApi } from "./mobizon-api.ts";
import type { Answer } from "./mobizon-call.ts";
import type { Failure } from "./mobizon-codes.ts";
import type { Campaign, ListedMessage } from "./mobizon-read.ts";

/** Half of what the vendor takes elsewhere; for this criterion it documents no limit. */
const CAMPAIGNS_A_CALL = 50;
/** A page of the list has 100, and a campaign of ours one message. */
const MOST_PAGES = 3;

/** After these the vendor says nothing more, so its price is known, too. */
const FINAL: ReadonlySet<string> = new Set(["DELIVRD", "UNDELIV", "REJECTD", "EXPIRED", "DELETED"]);

/** Where a message stands, before its campaign and its price were looked at. */
type Standing = Pick<DeliveryReport, "delivery" | "segments" | "price">;

/**
 * How far messages got, by the vendor's own record. Only the first call has to succeed: without the
 * others the answer is true and says less.
 *
 * | asked                                         | for                                  | tells                     |
 * | --------------------------------------------- | ------------------------------------ | ------------------------- |
 * | getSMSStatus, one call                        | every message id                     | status, segments          |
 * | message/list, by campaign                     | what is final, or has no message id  | price; status             |
 * | campaign/list, by id; getInfo of the declined | what is NEW, or of which none told   | moderation, DECLINED, why |
 */
export async function trackDeliveries(
  api: MobizonApi,
  keys: readonly FollowKey[],
  signal: AbortSignal,
): Promise<Reading<readonly DeliveryReport[]>> {
  const ids = keys.map((it) => it.messageId).filter(isMessageId);
  const answer: Answer<readonly { messageId: string; status: string; segments: number | null }[]> =
    ids.length === 0 ? { ok: true, value: [] } : await api.getSmsStatuses(ids, signal);
  if (!answer.ok) return failed(answer.failure);

  const standings = new Map<FollowKey, Standing>();
  for (const key of keys) {
    const told = answer.value.find((it) => it.messageId === key.messageId);
    if (told !== undefined)
      standings.set(key, { delivery: told.status, segments: told.segments, price: null });
  }
  await addListed(api, keys, standings, signal);
  return { ok: true, value: await withModeration(api, keys, standings, signal) };
}

export async function readBalance(api: MobizonApi, signal: AbortSignal): Promise<Reading<Balance>> {
  const answer = await api.getBalance(signal);
  return answer.ok ? answer : failed(answer.failure);
}

function isMessageId(id: string): boolean {
  return /^\d+$/.test(id);
}

/** Adds the price of what is final, and the standing of what only its campaign is known by. */
async function addListed(
  api: MobizonApi,
  keys: readonly FollowKey[],
  standings: Map<FollowKey, Standing>,
  signal: AbortSignal,
): Promise<void> {
  const wanted = keys.filter(
    (it) =>
      it.campaignId !== null &&
      (!isMessageId(it.messageId) || FINAL.has(standings.get(it)?.delivery ?? "")),
  );
  const listed = await listMessages(api, campaignIdsOf(wanted), signal);
  for (const key of wanted) {
    const found = listed.find((it) =>
      isMessageId(key.messageId)
        ? it.messageId === key.messageId
        : it.campaignId === key.campaignId,
    );
    const delivery = standings.get(key)?.delivery ?? found?.status ?? null;
    if (found === undefined || delivery === null) continue;
    const segments = standings.get(key)?.segments ?? found.segments;
    standings.set(key, { delivery, segments, price: FINAL.has(delivery) ? found.price : null });
  }
}

async function listMessages(
  api: MobizonApi,
  campaignIds: readonly string[],
  signal: AbortSignal,
): Promise<readonly ListedMessage[]> {
  const found: ListedMessage[] = [];
  for (let from = 0; from < campaignIds.length; from += CAMPAIGNS_A_CALL) {
    const batch = campaignIds.slice(from, from + CAMPAIGNS_A_CALL);
    for (let page = 0; page < MOST_PAGES; page++) {
      const answer = await api.listMessages(batch, page, signal);
      if (!answer.ok) return found;
      found.push(...answer.value.messages);
      if (answer.value.messages.length < 100) break;
    }
  }
  return found;
}

/** A message of a campaign that a person looks at is NEW, or not told of: its campaign says which. */
async function withModeration(
  api: MobizonApi,
  keys: readonly FollowKey[],
  standings: ReadonlyMap<FollowKey, Standing>,
  signal: AbortSignal,
): Promise<readonly DeliveryReport[]> {
  const waiting = keys.filter((it) => (standings.get(it)?.delivery ?? "NEW") === "NEW");
  const campaigns = await listCampaigns(api, campaignIdsOf(waiting), signal);
  const reports: DeliveryReport[] = [];
  for (const key of keys) {
    const { messageId } = key;
    const standing = standings.get(key);
    const campaign = waiting.includes(key) ? campaigns.get(key.campaignId ?? "") : undefined;
    const nothing = { messageId, detail: null, segments: null, price: null };
    if (campaign?.status === "DECLINED") {
      const detail = await readComment(api, campaign, signal);
      reports.push({ ...nothing, delivery: "DECLINED", detail });
    } else if (campaign?.status === "MODERATION") {
      reports.push({ ...nothing, delivery: "moderation" });
    } else if (standing !== undefined) {
      reports.push({ ...nothing, ...standing });
    }
  }
  return reports;
}

async function listCampaigns(
  api: MobizonApi,
  campaignIds: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Campaign>> {
  if (campaignIds.length === 0) return new Map();
  const answer = await api.listCampaignsByIds(campaignIds, signal);
  return new Map(answer.ok ? answer.value.campaigns.map((it) => [it.id, it]) : []);
}

/** Of the list's fields the moderator's words are not documented to be one. */
async function readComment(
  api: MobizonApi,
  campaign: Campaign,
  signal: AbortSignal,
): Promise<string | null> {
  if (campaign.comment !== "") return campaign.comment;
  const answer = await api.getCampaign(campaign.id, signal);
  const comment = answer.ok ? (answer.value?.comment ?? "") : "";
  return comment === "" ? null : comment;
}

function campaignIdsOf(keys: readonly FollowKey[]): string[] {
  return [...new Set(keys.flatMap((it) => it.campaignId ?? []))];
}

function failed(failure: Failure): Reading<never> {
  const { code, detail } = failure;
  const trouble = "trouble" in failure ? failure.trouble : undefined;
  return { ok: false, code, detail, ...(trouble && { trouble }) };
}
