import { cleanText } from "./foreign-text.ts";
import { isRecord, readId, readInteger } from "./mobizon-call.ts";

/** A campaign as the vendor records it. Text is cleaned; times have no documented zone. */
export interface Campaign {
  readonly id: string;
  /** Our reference, when the campaign is ours. Compare it exactly: no criterion searches by it. */
  readonly name: string;
  /** `NEW` until it is sent; then `MODERATION`, `DECLINED`, `READY_FOR_SEND`, .. `DONE`. */
  readonly status: string;
  readonly isDeleted: boolean;
  /** As the vendor writes it, null until sending starts. */
  readonly startedAt: string | null;
  /** The moderator's words, when there are any. */
  readonly comment: string;
}

export interface CampaignPage {
  readonly campaigns: readonly Campaign[];
  /** How many there are on all pages. */
  readonly total: number;
}

/** A message in a list. */
export interface ListedMessage {
  readonly messageId: string;
  readonly campaignId: string;
  readonly status: string | null;
  readonly segments: number | null;
  /** Of one segment; a decimal number. */
  readonly price: string | null;
}

export interface MessagePage {
  readonly messages: readonly ListedMessage[];
  readonly total: number;
}

export interface SmsStatus {
  readonly messageId: string;
  /** `NEW`, `ENQUEUD`, `ACCEPTD`, `PDLIVRD`; final: `DELIVRD`, `UNDELIV`, `REJECTD`, `EXPIRED`, `DELETED`. */
  readonly status: string;
  readonly segments: number | null;
}

/** Whether its sending was never begun. One that was deleted is still what it was. */
export function isDraft({ status, startedAt }: Campaign): boolean {
  return status === "NEW" && startedAt === null;
}

export function readCampaign(data: unknown, secrets: readonly string[]): Campaign | undefined {
  if (!isRecord(data)) return undefined;
  const id = readId(data.id);
  const { name, commonStatus, startSendTs, isDeleted, globalComment } = data;
  if (id === null || typeof name !== "string" || typeof commonStatus !== "string") return undefined;
  return {
    id,
    name,
    status: cleanText(commonStatus),
    // Absent, 0 and "0" are no; whatever else it may be is not a campaign to be sent.
    isDeleted: !(
      isDeleted == null ||
      isDeleted === false ||
      isDeleted === "" ||
      readInteger(isDeleted) === 0
    ),
    startedAt: readTime(startSendTs),
    comment: typeof globalComment === "string" ? cleanText(globalComment, secrets) : "",
  };
}

/** An absent time is null, empty or a blank; what is no time at all is kept, as proof of a start. */
function readTime(value: unknown): string | null {
  if (value == null || `${value}`.trim() === "") return null;
  return /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(`${value}`) ? `${value}` : cleanText(`${value}`);
}

export function readPage(data: unknown, secrets: readonly string[]): CampaignPage | undefined {
  if (!isRecord(data)) return undefined;
  const campaigns = readAll(data.items, (item) => readCampaign(item, secrets));
  const total = readInteger(data.totalItemCount);
  return campaigns !== undefined && total !== null ? { campaigns, total } : undefined;
}

export function readMessagePage(data: unknown): MessagePage | undefined {
  if (!isRecord(data)) return undefined;
  const messages = readAll(data.items, (item) => {
    if (!isRecord(item)) return undefined;
    const messageId = readId(item.id);
    const campaignId = readId(item.campaignId);
    if (messageId === null || campaignId === null) return undefined;
    const { status, segNum, segUserBuy } = item;
    return {
      messageId,
      campaignId,
      status: typeof status === "string" ? cleanText(status) : null,
      segments: readSegments(segNum),
      price: /^\d{1,8}(?:\.\d{1,10})?$/.test(`${segUserBuy}`) ? `${segUserBuy}` : null,
    };
  });
  const total = readInteger(data.totalItemCount);
  return messages !== undefined && total !== null ? { messages, total } : undefined;
}

export function readSmsStatus(item: unknown): SmsStatus | undefined {
  if (!isRecord(item)) return undefined;
  const messageId = readId(item.id);
  const { status } = item;
  return messageId !== null && typeof status === "string"
    ? { messageId, status: cleanText(status), segments: readSegments(item.segNum) }
    : undefined;
}

/** Nobody pays for more parts than the vendor lets a message have, about ten. */
function readSegments(value: unknown): number | null {
  const segments = readInteger(value);
  return segments !== null && segments >= 1 && segments <= 255 ? segments : null;
}

/** All or nothing: a list with an entry that cannot be read proves no absence. */
export function readAll<T>(
  list: unknown,
  readOne: (item: unknown) => T | undefined,
): T[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const values = list.map(readOne).filter((it) => it !== undefined);
  return values.length === list.length ? values : undefined;
}
