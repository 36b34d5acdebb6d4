import type { Finding, LeftDrafts, LookupKey } from "../outbox/outcome.ts";
import type { MobizonApi } from "./mobizon-api.ts";
import { lookUp, WENT_OUT } from "./mobizon-campaign.ts";
import { type Campaign, isDraft } from "./mobizon-read.ts";

/** More campaigns to one number than this is no person's phone; what is beyond is not looked at. */
const MOST_PAGES = 50;

/**
 * What became of a message, by the vendor's own record: by the campaign's id where it is known,
 * otherwise among all campaigns to the recipient, by name.
 *
 * | found                                                   | finding   |
 * | ------------------------------------------------------- | --------- |
 * | by id: sent off, in whatever status                     | sent      |
 * | by id: DECLINED                                         | rejected  |
 * | by id: NEW, not begun, not deleted, ours                | draft     |
 * | by id: missing, foreign, odd, or the call failed        | undecided |
 * | by name: one that was sent off                          | sent      |
 * | by name: only declined ones                             | rejected  |
 * | by name: anything else, NEW too (1)                     | undecided |
 * | by name: none, on all of the pages                      | absent    |
 * | by name: a page failed, or the list changed meanwhile   | undecided |
 *
 * 1. A message of the one-call mode that waits in the vendor's queue looks the same as a draft that
 *    nobody will ever send.
 */
export async function findMessage(
  api: MobizonApi,
  key: LookupKey,
  signal: AbortSignal,
): Promise<Finding> {
  return key.draft === null ? findByName(api, key, signal) : findById(api, key, key.draft, signal);
}

async function findById(
  api: MobizonApi,
  key: LookupKey,
  draft: NonNullable<LookupKey["draft"]>,
  signal: AbortSignal,
): Promise<Finding> {
  const standing = await lookUp(api, key, draft, signal);
  if (standing === "still_new") return { kind: "draft" };
  switch (standing.kind) {
    case "accepted":
      return { ...standing, kind: "sent" };
    case "rejected":
      return { kind: "rejected", code: standing.code, detail: standing.detail };
    case "unknown":
      return { kind: "undecided", code: standing.code, detail: standing.detail };
  }
}

async function findByName(api: MobizonApi, key: LookupKey, signal: AbortSignal): Promise<Finding> {
  const list = await listAll(api, key.recipient.slice(1), signal);
  if ("kind" in list) return list;
  const ours = list.campaigns.filter((it) => it.name === key.reference);
  if (ours.length === 0) return { kind: "absent" };

  const gone = ours.find((it) => WENT_OUT.has(it.status));
  if (gone !== undefined) {
    const message = await api.findMessageId(gone.id, signal);
    return {
      kind: "sent",
      // That it went out is certain; a message id that cannot be read just now is not worth asking again.
      providerRef: (message.ok ? message.value : null) ?? `campaign ${gone.id}`,
      campaignId: gone.id,
      ...(gone.status === "MODERATION" && { delivery: "moderation" }),
    };
  }
  if (ours.every((it) => it.status === "DECLINED")) {
    return { kind: "rejected", code: "campaign_declined", detail: ours[0]?.comment ?? "" };
  }
  const statuses = ours.map((it) => `${it.id} ${it.status}`).join(", ");
  return undecided("campaign_waits", `by name: ${statuses}`);
}

/** See `Channel.discardDrafts`. A campaign that was begun is none, whatever its status says. */
export async function discardDrafts(
  api: MobizonApi,
  { recipient, reference, keptCampaignId }: LeftDrafts,
  signal: AbortSignal,
): Promise<number | null> {
  const list = await listAll(api, recipient.slice(1), signal);
  if ("kind" in list) return null;
  const drafts = list.campaigns.filter(
    (it) => it.name === reference && it.id !== keptCampaignId && isDraft(it) && !it.isDeleted,
  );
  for (const { id } of drafts) {
    const deleted = await api.deleteCampaign(id, signal);
    if (!deleted.ok) return null;
  }
  return drafts.length;
}

/** All campaigns to a number, or why they could not all be read. */
async function listAll(
  api: MobizonApi,
  digits: string,
  signal: AbortSignal,
): Promise<{ readonly campaigns: readonly Campaign[] } | Finding> {
  const campaigns: Campaign[] = [];
  let total: number | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await api.listCampaigns(digits, page, signal);
    if (!answer.ok) return undecided(answer.failure.code, answer.failure.detail);
    // A new campaign shifts the others from one page to the next: one may have been skipped.
    if (total !== null && total !== answer.value.total) {
      return undecided("list_changed", "the list changed while it was read");
    }
    total = answer.value.total;
    campaigns.push(...answer.value.campaigns);
    if (campaigns.length >= total) return { campaigns };
    if (answer.value.campaigns.length === 0) break;
  }
  return undecided("list_incomplete", `read ${campaigns.length} of ${total} campaigns`);
}

function undecided(code: string, detail: string): Finding {
  return { kind: "undecided", code, detail };
}
