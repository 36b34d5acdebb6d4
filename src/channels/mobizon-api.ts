import { cleanText } from "./foreign-text.ts";
import {
  type Answer,
  createMobizonCall,
  isRecord,
  type MobizonAccess,
  type MobizonCall,
  readId,
  readInteger,
  secretsOf,
} from "./mobizon-call.ts";
import { type Envelope, type Failure, inDoubt, RECIPIENT_CODES, refusal } from "./mobizon-codes.ts";
import {
  type Campaign,
  type CampaignPage,
  type MessagePage,
  readAll,
  readCampaign,
  readMessagePage,
  readPage,
  readSmsStatus,
  type SmsStatus,
} from "./mobizon-read.ts";

/**
 * Mobizon's calls that send nothing: to prepare, look up and throw away. None throws; a failed
 * call says why, and its `trouble` whose fault it is. `signal` is the only limit of the whole call.
 */
export interface MobizonApi {
  /** Makes a draft of one text. Answers with the campaign's id. */
  createCampaign(
    draft: { readonly name: string; readonly text: string },
    signal: AbortSignal,
  ): Promise<Answer<string>>;
  /** Puts the one recipient (digits only) into a draft. Answers with the message's id. */
  addRecipient(campaignId: string, digits: string, signal: AbortSignal): Promise<Answer<string>>;
  /** `null` when the vendor knows no such campaign. */
  getCampaign(campaignId: string, signal: AbortSignal): Promise<Answer<Campaign | null>>;
  /** False when there is nothing to delete, or its sending has begun. */
  deleteCampaign(campaignId: string, signal: AbortSignal): Promise<Answer<boolean>>;
  /**
   * One page of the campaigns to a number, newest first. The vendor matches parts of numbers
   * too, and does not say how soon a campaign shows up: absence is weak evidence.
   *
   * @param page - Counts from 0; a page has 100.
   */
  listCampaigns(digits: string, page: number, signal: AbortSignal): Promise<Answer<CampaignPage>>;
  /**
   * One page of all campaigns made since, the oldest first, so that new ones do not shift the pages.
   *
   * @param since - As `2026-01-15 11:42:28`, in the vendor's zone, which is not documented.
   */
  listCampaignsSince(
    since: string,
    page: number,
    signal: AbortSignal,
  ): Promise<Answer<CampaignPage>>;
  /** These campaigns, 100 at most, in one page; those that the list does not show (yet) are missing. */
  listCampaignsByIds(
    campaignIds: readonly string[],
    signal: AbortSignal,
  ): Promise<Answer<CampaignPage>>;
  /** One page of the messages of some campaigns; at most 100 campaigns. */
  listMessages(
    campaignIds: readonly string[],
    page: number,
    signal: AbortSignal,
  ): Promise<Answer<MessagePage>>;
  /** The id of a campaign's one message; `null` when the vendor lists none, or several. */
  findMessageId(campaignId: string, signal: AbortSignal): Promise<Answer<string | null>>;
  /** At most 100 ids; those the vendor does not know are missing from the answer. */
  getSmsStatuses(
    messageIds: readonly string[],
    signal: AbortSignal,
  ): Promise<Answer<readonly SmsStatus[]>>;
  getBalance(
    signal: AbortSignal,
  ): Promise<Answer<{ readonly balance: string; readonly currency: string }>>;
}

export interface MobizonApiSettings extends MobizonAccess {
  /** The sender id, registered with the vendor; the account's default when absent. */
  readonly sender?: string | undefined;
  /** 1, a single message, or 2, bulk: it is not documented that recipients can be added to type 1. Default 1. */
  readonly campaignType?: 1 | 2 | undefined;
}

/** A page has 100 items, each with its text: a thousand characters of six bytes where they are escaped. */
const LIST_BYTES = 1024 * 1024;

/** @throws OnceboxError `ONCEBOX_CONFIG_INVALID` - the address or the key cannot be used. */
export function createMobizonApi(
  settings: MobizonApiSettings,
  call: MobizonCall = createMobizonCall(settings),
): MobizonApi {
  const secrets = secretsOf(settings);

  async function ask<T>(
    method: string,
    form: Readonly<Record<string, string>>,
    signal: AbortSignal,
    parse: (envelope: Envelope) => T | undefined,
  ): Promise<Answer<T>> {
    const isList = method.endsWith("/list");
    const answer = await call(method, form, { signal, ...(isList && { mostBytes: LIST_BYTES }) });
    if (!answer.ok) return answer;
    const value = parse(answer.value);
    if (value !== undefined) return { ok: true, value };
    return { ok: false, failure: refusalOrOdd(answer.value, secrets) };
  }

  return {
    createCampaign: ({ name, text }, signal) =>
      ask(
        "campaign/create",
        {
          "data[name]": name,
          "data[text]": text,
          "data[type]": `${settings.campaignType ?? 1}`,
          ...(settings.sender && { "data[from]": settings.sender }),
        },
        signal,
        ({ code, data }) => (code === 0 ? (readId(data) ?? undefined) : undefined),
      ),

    async addRecipient(campaignId, digits, signal) {
      // As an array: a single string would be split at commas and line breaks.
      const form = { id: campaignId, "recipients[0]": digits };
      const answer = await call("campaign/addRecipients", form, { signal });
      if (!answer.ok) return answer;
      return readAdded(answer.value, digits, secrets);
    },

    getCampaign: (campaignId, signal) =>
      ask("campaign/getInfo", { id: campaignId }, signal, ({ code, data }) => {
        if (code === 2) return null;
        if (code !== 0) return undefined;
        const campaign = readCampaign(data, secrets);
        return campaign?.id === campaignId ? campaign : undefined;
      }),

    deleteCampaign: (campaignId, signal) =>
      ask("campaign/delete", { id: campaignId }, signal, ({ code }) => {
        if (code === 2 || code === 10) return false;
        return code === 0 ? true : undefined;
      }),

    listCampaigns: (digits, page, signal) =>
      ask(
        "campaign/list",
        { "criteria[recipient]": digits, ...pageOf(page, "DESC") },
        signal,
        ({ code, data }) => (code === 0 ? readPage(data, secrets) : undefined),
      ),

    listCampaignsSince: (since, page, signal) =>
      ask(
        "campaign/list",
        { "criteria[createTsFrom]": since, ...pageOf(page, "ASC") },
        signal,
        ({ code, data }) => (code === 0 ? readPage(data, secrets) : undefined),
      ),

    listCampaignsByIds: (campaignIds, signal) =>
      ask(
        "campaign/list",
        {
          ...Object.fromEntries(campaignIds.map((id, index) => [`criteria[ids][${index}]`, id])),
          ...pageOf(0, "ASC"),
        },
        signal,
        ({ code, data }) => (code === 0 ? readPage(data, secrets) : undefined),
      ),

    listMessages: (campaignIds, page, signal) =>
      ask(
        "message/list",
        {
          ...Object.fromEntries(
            campaignIds.map((id, index) => [`criteria[campaignIds][${index}]`, id]),
          ),
          ...pageOf(page, "ASC"),
        },
        signal,
        ({ code, data }) => (code === 0 ? readMessagePage(data) : undefined),
      ),

    findMessageId: (campaignId, signal) =>
      ask(
        "message/list",
        { "criteria[campaignIds][0]": campaignId, "pagination[pageSize]": "25" },
        signal,
        ({ code, data }) => {
          if (code !== 0 || !isRecord(data)) return undefined;
          const ids = readAll(data.items, (item) =>
            isRecord(item) && readId(item.campaignId) === campaignId
              ? (readId(item.id) ?? undefined)
              : undefined,
          );
          return ids?.length === 1 ? (ids[0] ?? null) : null;
        },
      ),

    getSmsStatuses: (messageIds, signal) =>
      ask(
        "message/getSMSStatus",
        Object.fromEntries(messageIds.map((id, index) => [`ids[${index}]`, id])),
        signal,
        ({ code, data }) => (code === 0 ? readAll(data, readSmsStatus) : undefined),
      ),

    getBalance: (signal) =>
      ask("user/getOwnBalance", {}, signal, ({ code, data }) => {
        if (code !== 0 || !isRecord(data)) return undefined;
        const balance = `${data.balance}`;
        const currency = `${data.currency}`;
        const isMoney = /^-?\d{1,15}(?:\.\d{1,10})?$/.test(balance) && /^[A-Z]{3}$/.test(currency);
        return isMoney ? { balance, currency } : undefined;
      }),
  };
}

function pageOf(page: number, order: "ASC" | "DESC"): Readonly<Record<string, string>> {
  return {
    "pagination[pageSize]": "100",
    "pagination[currentPage]": `${page}`,
    "sort[id]": order,
  };
}

/** A code other than 0 by the table; code 0 with data that is not what the vendor documents. */
function refusalOrOdd(envelope: Envelope, secrets: readonly string[]): Failure {
  if (envelope.code !== 0) return refusal(envelope, secrets);
  const detail = cleanText(JSON.stringify(envelope.data) ?? "no data", secrets);
  return { kind: "unknown", code: "answer_odd", detail };
}

/** The call's own code only sums up; what counts is the entry of the one recipient. */
function readAdded(envelope: Envelope, digits: string, secrets: readonly string[]): Answer<string> {
  const { code, data } = envelope;
  const entries: readonly unknown[] = Array.isArray(data) ? data : [];
  const entry = entries.length === 1 && isRecord(entries[0]) ? entries[0] : {};
  const entryCode = readInteger(entry.code);
  const messageId = readId(entry.messageId);
  const isOurs = `${entry.recipient}`.replace(/^\+/, "") === digits;

  if (code === 0 && isOurs && entryCode === 0 && messageId !== null) {
    return { ok: true, value: messageId };
  }
  const summary = code === 0 || code === 98 || code === 99;
  const verdict = summary && isOurs && entryCode !== null ? RECIPIENT_CODES.get(entryCode) : null;
  if (verdict == null) {
    const failure = refusalOrOdd(envelope, secrets);
    // "No such campaign", of one made a moment ago: not the person's fault, so never `rejected`.
    return { ok: false, failure: code === 2 ? inDoubt(failure) : failure };
  }
  const detail = cleanText(envelope.message || "the recipient was refused", secrets);
  return { ok: false, failure: { ...verdict, code: `mobizon_recipient_${entryCode}`, detail } };
}
