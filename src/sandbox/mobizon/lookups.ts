import type { Account, Campaign, Message } from "./account.ts";
import { balanceOf, type MobizonContext } from "./context.ts";
import {
  done,
  type Envelope,
  isWithin,
  looseId,
  looseNumber,
  refusal,
  timeText,
} from "./envelope.ts";
import { type Form, listAt, textAt } from "./form.ts";
import { type MessageStatus, segmentsOf } from "./numbers.ts";

const IDS_A_CALL = 100;

export function getOwnBalance(context: MobizonContext): Envelope {
  return done({ balance: balanceOf(context).toFixed(4), currency: "KZT" });
}

export function getCampaign(context: MobizonContext, form: Form, withCounters: boolean): Envelope {
  const id = textAt(form, "id");
  if (id === undefined) return refusal(11, "Parameter is missing");
  const campaign = context.account.find(id);
  if (campaign === undefined) return refusal(2, "No such campaign");
  return done(campaignItem(context, campaign, withCounters));
}

export function listCampaigns(context: MobizonContext, form: Form): Envelope {
  const { account, settings } = context;
  const ids = listAt(form, "criteria", "ids");
  if (ids !== undefined && ids.length > IDS_A_CALL) return refusal(12, `${IDS_A_CALL} ids at most`);
  const part = textAt(form, "criteria", "recipient");
  const type = textAt(form, "criteria", "type");
  const items = account
    .campaigns()
    .filter((it) => isListed(it, settings.listLagMs) && isCreatedWithin(it, form, "createTs"))
    .filter((it) => part === undefined || it.messages.some(({ to }) => to.includes(part)))
    .filter((it) => type === undefined || String(it.type) === type)
    .filter((it) => hasText(it, form))
    .filter((it) => ids === undefined || ids.includes(String(it.id)));
  return page(form, items, (it) => campaignItem(context, it, true));
}

export function listMessages(context: MobizonContext, form: Form): Envelope {
  const { account, settings } = context;
  const to = textAt(form, "criteria", "to");
  const ids = listAt(form, "criteria", "campaignIds");
  const statuses = listAt(form, "criteria", "status");
  const items = account
    .campaigns()
    .filter(
      (it) => isListed(it, settings.listLagMs) && isCreatedWithin(it, form, "campaignCreateTs"),
    )
    .filter((it) => hasText(it, form))
    .filter((it) => ids === undefined || ids.includes(String(it.id)))
    .flatMap((campaign) =>
      campaign.messages.map((message) => ({ campaign, message, id: message.id })),
    )
    .filter(({ message }) => to === undefined || message.to === to)
    .filter(({ campaign, message }) => {
      return (
        statuses === undefined || statuses.includes(account.statusOf(campaign, message).status)
      );
    });
  return page(form, items, ({ campaign, message }) => messageItem(context, campaign, message));
}

export function getSmsStatus(context: MobizonContext, form: Form): Envelope {
  const ids = listAt(form, "ids") ?? [];
  if (ids.length === 0) return refusal(2, "No ids");
  if (ids.length > IDS_A_CALL) return refusal(12, `${IDS_A_CALL} ids at most`);
  const found = context.account
    .campaigns()
    .flatMap((campaign) => campaign.messages.map((message) => ({ campaign, message })))
    .filter(({ message }) => ids.includes(String(message.id)));
  return done(
    found.map(({ campaign, message }) => {
      const item = messageItem(context, campaign, message);
      const { id, status, segNum, startSendTs, statusUpdateTs } = item;
      return { id, status, segNum, startSendTs, statusUpdateTs };
    }),
  );
}

/** Pages as Mobizon does: 25, 50 or 100 items, the first page is number 0. */
function page<Item extends { readonly id: number }>(
  form: Form,
  items: readonly Item[],
  show: (item: Item) => unknown,
): Envelope {
  const size = textAt(form, "pagination", "pageSize") ?? "25";
  const current = textAt(form, "pagination", "currentPage") ?? "0";
  if (!["25", "50", "100"].includes(size)) return refusal(12, "pageSize: 25, 50 or 100");
  if (!isWithin(current, 0, Number.MAX_SAFE_INTEGER)) return refusal(12, "currentPage: from 0");
  // The order when none is asked for is not documented: the newest first, so that nobody relies
  // on finding the oldest there.
  const up = textAt(form, "sort", "id")?.toUpperCase() === "ASC" ? 1 : -1;
  const sorted = items.toSorted((a, b) => (a.id - b.id) * up);
  const from = Number(size) * Number(current);
  return done({
    items: sorted.slice(from, from + Number(size)).map(show),
    totalItemCount: looseNumber(items.length),
  });
}

function isListed({ isDeleted, createdAt }: Campaign, lagMs: number): boolean {
  return !isDeleted && createdAt + lagMs <= Date.now();
}

function hasText({ text }: Campaign, form: Form): boolean {
  const wanted = textAt(form, "criteria", "text");
  return wanted === undefined || wanted === text;
}

function isCreatedWithin({ createdAt }: Campaign, form: Form, field: string): boolean {
  const created = timeText(createdAt);
  const from = textAt(form, "criteria", `${field}From`) ?? "";
  const to = textAt(form, "criteria", `${field}To`) ?? "~";
  return from <= created && created <= to;
}

function campaignItem(context: MobizonContext, campaign: Campaign, withCounters: boolean) {
  const { common, moderation, send } = statusesOf(context.account, campaign);
  const started = campaign.sentAt !== null && common !== "READY_FOR_SEND";
  return {
    id: looseId(campaign.id),
    name: campaign.name,
    text: campaign.text,
    type: looseNumber(campaign.type),
    from: campaign.from,
    commonStatus: common,
    moderationStatus: moderation,
    sendStatus: send,
    globalComment: common === "DECLINED" ? "Declined by the sandbox's moderator" : null,
    isDeleted: campaign.isDeleted ? "1" : "0",
    createTs: timeText(campaign.createdAt),
    startSendTs: started ? timeText(campaign.sentAt ?? 0) : null,
    endSendTs: common === "DONE" ? timeText(lastChange(context.account, campaign)) : "",
    ...(withCounters ? { counters: countersOf(context, campaign) } : {}),
  };
}

function messageItem(
  { account, segmentPrice }: MobizonContext,
  campaign: Campaign,
  message: Message,
) {
  const { status, since } = account.statusOf(campaign, message);
  return {
    id: looseId(message.id),
    campaignId: looseId(campaign.id),
    to: message.to,
    from: campaign.from,
    text: campaign.text,
    status,
    segNum: String(segmentsOf(campaign.text)),
    segUserBuy: segmentPrice.toFixed(4),
    startSendTs: since === null ? " " : timeText(campaign.sentAt ?? 0),
    statusUpdateTs: since === null ? " " : timeText(since),
  };
}

/**
 * A campaign is as far as the message that is furthest behind. (What `moderationStatus` and
 * `sendStatus` can hold is not documented: only `commonStatus` is faithful.)
 */
function statusesOf(account: Account, campaign: Campaign) {
  if (campaign.moderation === "waiting") {
    return { common: "MODERATION", moderation: "MODERATION", send: "NEW" };
  }
  if (campaign.moderation === "declined") {
    return { common: "DECLINED", moderation: "DECLINED", send: "NEW" };
  }
  if (campaign.sentAt === null) return { common: "NEW", moderation: "NEW", send: "NEW" };
  const statuses = campaign.messages.map((it) => account.statusOf(campaign, it).status);
  const common = progressOf(statuses);
  return { common, moderation: "APPROVED", send: common };
}

function progressOf(statuses: readonly MessageStatus[]): string {
  if (statuses.includes("NEW")) return "READY_FOR_SEND";
  if (statuses.includes("ENQUEUD")) return "RUNNING";
  if (statuses.includes("ACCEPTD") || statuses.includes("PDLIVRD")) return "SENT";
  return "DONE";
}

function lastChange(account: Account, campaign: Campaign): number {
  return Math.max(...campaign.messages.map((it) => account.statusOf(campaign, it).since ?? 0));
}

function countersOf({ account, settings, segmentPrice }: MobizonContext, campaign: Campaign) {
  const then = Date.now() - settings.countersLagMs;
  const statuses = campaign.messages.map((it) => account.statusOf(campaign, it, then).status);
  const count = (wanted: string) => String(statuses.filter((it) => it === wanted).length);
  const wentOut = campaign.sentAt !== null && campaign.sentAt <= then;
  const segments = segmentsOf(campaign.text) * campaign.messages.length;
  return {
    totalMsgNum: String(statuses.length),
    totalNewMsgNum: count("NEW"),
    totalDelivrdMsgNum: count("DELIVRD"),
    totalCost: (wentOut ? segments * segmentPrice : 0).toFixed(4),
    recipientsRejected: "0",
  };
}
