import { setTimeout as sleep } from "node:timers/promises";
import { OnceboxError } from "../errors.ts";
import type { ProviderRecord, RecordRange } from "../outbox/outcome.ts";
import type { MobizonApi } from "./mobizon-api.ts";
import type { Answer } from "./mobizon-call.ts";
import { WENT_OUT } from "./mobizon-campaign.ts";
import { type Campaign, isDraft } from "./mobizon-read.ts";

/** Half of what the vendor takes elsewhere; for this criterion it documents no limit. */
const CAMPAIGNS_A_CALL = 50;
/** Of one call. */
const TIMEOUT_MS = 30_000;
/** After "called too often", and how many times. */
const THROTTLE_PAUSE_MS = 1_000;
const MOST_PAUSES = 10;
/** A list from which something vanished while it was read is read again; so many times. */
const MOST_READINGS = 3;

interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
}

/**
 * Every campaign whose name begins with our prefix, and the messages of those that went out.
 *
 * A draft that is thrown away and another that is made between two pages can together hide a third
 * campaign: whoever looks for one that is not there asks for it by its id, too.
 */
export async function readRecord(
  api: MobizonApi,
  { prefix, since, onProgress }: RecordRange,
  signal: AbortSignal,
): Promise<readonly ProviderRecord[]> {
  const createdFrom = since.toISOString().slice(0, 19).replace("T", " ");
  const campaigns = await readAllPages(
    async (page) => {
      const { campaigns, total } = await patiently(
        (limited) => api.listCampaignsSince(createdFrom, page, limited),
        signal,
      );
      return { items: campaigns, total };
    },
    ({ id }) => id,
    onProgress,
  );
  const ours = campaigns.filter((it) => it.name.startsWith(prefix));
  const messageIds = await readMessageIds(
    api,
    ours.filter((it) => WENT_OUT.has(it.status)).map((it) => it.id),
    signal,
  );
  return ours.map((it) => recordOf(it, messageIds.get(it.id) ?? []));
}

export async function findRecord(
  api: MobizonApi,
  campaignId: string,
  signal: AbortSignal,
): Promise<ProviderRecord | null> {
  const campaign = await patiently((limited) => api.getCampaign(campaignId, limited), signal);
  return campaign === null ? null : recordOf(campaign, []);
}

function recordOf(campaign: Campaign, messageIds: readonly string[]): ProviderRecord {
  const { id, name, status } = campaign;
  return { reference: name, campaignId: id, messageIds, standing: standingOf(campaign), status };
}

function standingOf(campaign: Campaign): ProviderRecord["standing"] {
  if (WENT_OUT.has(campaign.status)) return "sent";
  return campaign.status === "DECLINED" || isDraft(campaign) ? "not" : "odd";
}

async function readMessageIds(
  api: MobizonApi,
  campaignIds: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  for (let from = 0; from < campaignIds.length; from += CAMPAIGNS_A_CALL) {
    const batch = campaignIds.slice(from, from + CAMPAIGNS_A_CALL);
    const messages = await readAllPages(
      async (page) => {
        const { messages, total } = await patiently(
          (limited) => api.listMessages(batch, page, limited),
          signal,
        );
        return { items: messages, total };
      },
      ({ messageId }) => messageId,
    );
    for (const { messageId, campaignId } of messages) {
      found.set(campaignId, [...(found.get(campaignId) ?? []), messageId]);
    }
  }
  return found;
}

/** The list may grow at its end meanwhile; if it shrinks, the pages behind have moved. */
async function readAllPages<T>(
  readPage: (page: number) => Promise<Page<T>>,
  idOf: (item: T) => string,
  onProgress: RecordRange["onProgress"] = () => {},
): Promise<readonly T[]> {
  for (let reading = 0; reading < MOST_READINGS; reading++) {
    const found = new Map<string, T>();
    let most = 0;
    for (let page = 0; ; page++) {
      const { items, total } = await readPage(page);
      for (const item of items) found.set(idOf(item), item);
      if (total < most) break;
      most = total;
      onProgress({ read: found.size, total });
      if (found.size >= total) return [...found.values()];
      if (items.length === 0) break;
    }
  }
  throw failed("list_changed: the list changed while it was read");
}

/** Asks again when we called too often; any other failure ends the reading. */
async function patiently<T>(
  ask: (signal: AbortSignal) => Promise<Answer<T>>,
  signal: AbortSignal,
): Promise<T> {
  for (let pauses = 0; ; pauses++) {
    const answer = await ask(AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
    if (answer.ok) return answer.value;
    const { failure } = answer;
    const isThrottled = "trouble" in failure && failure.trouble === "throttle";
    if (!isThrottled || pauses === MOST_PAUSES || signal.aborted) {
      throw failed(`${failure.code}: ${failure.detail}`);
    }
    await sleep(THROTTLE_PAUSE_MS, undefined, { signal }).catch(() => {});
  }
}

function failed(why: string): OnceboxError {
  return new OnceboxError("ONCEBOX_PROVIDER_FAILED", `Mobizon's record could not be read: ${why}`, {
    hint: "See with oncebox doctor --provider what is wrong, then run it again.",
  });
}
