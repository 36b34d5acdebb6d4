import type { Campaign } from "./account.ts";
import { balanceOf, type MobizonContext } from "./context.ts";
import {
  done,
  type Envelope,
  isWithin,
  looseId,
  looseNumber,
  notSupported,
  refusal,
  wrongFields,
} from "./envelope.ts";
import { type Form, listAt, textAt } from "./form.ts";
import { normalise, recipientCode, segmentsOf } from "./numbers.ts";

const RECIPIENTS_A_CALL = 500;

export function sendSmsMessage(context: MobizonContext, form: Form): Envelope {
  const recipient = textAt(form, "recipient");
  const text = textAt(form, "text");
  if (recipient === undefined || text === undefined) return refusal(11, "Parameter is missing");
  if (textAt(form, "params", "deferredToTs") !== undefined) return notSupported("deferredToTs");

  const name = textAt(form, "params", "name") ?? "";
  const from = textAt(form, "from") ?? context.senders[0] ?? "";
  const validity = textAt(form, "params", "validity");
  const refused = validate(context, { name, text, from, type: "1", validity });
  if (refused !== null) return refused;
  const to = normalise(recipient);
  const code = recipientCode(recipient);
  if (to === null || code !== 0) return wrongFields({ recipient: `Wrong number (${code})` });

  if (!canPay(context, text, 1)) return refusal(15, "Insufficient funds");

  const campaignId = context.account.create({ name, text, from, type: 1 });
  const ids = context.account.addRecipients(campaignId, [to], false).map(({ id }) => looseId(id));
  const status = release(context, campaignId, [to]);
  return done({ campaignId: looseId(campaignId), messageId: ids[0], status });
}

export function createCampaign(context: MobizonContext, form: Form): Envelope {
  const text = textAt(form, "data", "text");
  if (text === undefined) return refusal(11, "Parameter is missing");
  if (textAt(form, "data", "deferredToTs") !== undefined) return notSupported("deferredToTs");

  const name = textAt(form, "data", "name") ?? "";
  const type = textAt(form, "data", "type") ?? "2";
  const from = textAt(form, "data", "from") ?? context.senders[0] ?? "";
  const validity = textAt(form, "data", "validity");
  const refused = validate(context, { name, text, from, type, validity });
  if (refused !== null) return refused;
  return done(looseId(context.account.create({ name, text, from, type: Number(type) })));
}

interface CampaignFields {
  readonly name: string;
  readonly text: string;
  readonly from: string;
  readonly type: string;
  readonly validity: string | undefined;
}

function validate({ senders }: MobizonContext, fields: CampaignFields): Envelope | null {
  const { name, text, from, type, validity } = fields;
  const wrong: Record<string, string> = {};
  if (text.trim() === "") wrong.text = "Text is empty";
  if (name.length > 255) wrong.name = "Name is too long";
  if (!senders.includes(from)) wrong.from = "Sender is not registered";
  if (!["1", "2", "3"].includes(type)) wrong.type = "Unknown type";
  if (Object.keys(wrong).length > 0) return wrongFields(wrong);
  if (validity !== undefined && !isWithin(validity, 60, 1440))
    return refusal(12, "validity: 60 to 1440");
  return null;
}

export function addRecipients({ account, settings }: MobizonContext, form: Form): Envelope {
  const id = textAt(form, "id");
  const given = givenRecipients(form);
  if (id === undefined || given === undefined) return refusal(11, "Parameter is missing");
  if (given.length > RECIPIENTS_A_CALL) return refusal(12, `${RECIPIENTS_A_CALL} at most`);
  const campaign = account.find(id);
  if (campaign === undefined || campaign.isDeleted) return refusal(2, "No such campaign");
  if (!isDraft(campaign)) return refusal(10, "The campaign's status forbids it");
  if (campaign.type === 1 && !settings.singleTakesRecipients) {
    return refusal(10, "Recipients can be added to bulk campaigns only");
  }

  const replace = textAt(form, "params", "replace") === "1";
  const codes = judge(campaign, given, replace);
  const taken = given.filter((_, index) => codes[index] === 0).map((it) => normalise(it) ?? "");
  const messages = account.addRecipients(campaign.id, taken, replace);
  const ids = messages.map((message) => looseId(message.id));
  const data = given.map((recipient, index) => {
    const code = codes[index] ?? 99;
    return { recipient, code: looseNumber(code), messageId: code === 0 ? ids.shift() : null };
  });
  if (taken.length === given.length) return done(data);
  return refusal(taken.length === 0 ? 99 : 98, "Some recipients were not added", data);
}

/** An array as it is; one text is split at commas and line breaks. */
function givenRecipients(form: Form): string[] | undefined {
  const text = textAt(form, "recipients");
  return text === undefined
    ? listAt(form, "recipients")
    : text.split(/[,\r\n]+/).map((it) => it.trim());
}

function judge(campaign: Campaign, given: readonly string[], replace: boolean): number[] {
  const present = new Set(replace ? [] : campaign.messages.map(({ to }) => to));
  const needsValues = campaign.type === 3 && /\{[^}]+\}/.test(campaign.text);
  return given.map((recipient) => {
    const code = recipientCode(recipient);
    if (code !== 0) return code;
    const number = normalise(recipient) ?? "";
    if (present.has(number)) return 4;
    if (needsValues) return 20;
    // A single message has one recipient; what a second one gets is not documented.
    if (campaign.type === 1 && present.size > 0) return 99;
    present.add(number);
    return 0;
  });
}

export function sendCampaign(context: MobizonContext, form: Form): Envelope {
  const id = textAt(form, "id");
  if (id === undefined) return refusal(11, "Parameter is missing");
  const campaign = context.account.find(id);
  if (campaign === undefined || campaign.isDeleted) return refusal(2, "No such campaign");
  // Whether a second call can slip through at the same moment is not documented. Here it cannot:
  // nothing is awaited between this look and the change.
  if (!isDraft(campaign) || campaign.messages.length === 0) {
    return refusal(10, "Campaign status could not be changed");
  }
  const numbers = campaign.messages.map(({ to }) => to);
  if (!canPay(context, campaign.text, numbers.length)) return refusal(15, "Insufficient funds");
  return done(looseNumber(release(context, campaign.id, numbers)));
}

function isDraft({ moderation, sentAt }: Campaign): boolean {
  return moderation === "none" && sentAt === null;
}

function canPay(context: MobizonContext, text: string, count: number): boolean {
  return segmentsOf(text) * context.segmentPrice * count <= balanceOf(context);
}

/** 1 = with the moderator, 2 = sent. */
function release(context: MobizonContext, campaignId: number, numbers: readonly string[]): 1 | 2 {
  if (context.moderator.wants(numbers)) {
    context.moderator.take(campaignId);
    return 1;
  }
  context.account.sendOut(campaignId);
  return 2;
}

export function deleteCampaign({ account }: MobizonContext, form: Form): Envelope {
  const id = textAt(form, "id");
  if (id === undefined) return refusal(11, "Parameter is missing");
  const campaign = account.find(id);
  if (campaign === undefined || campaign.isDeleted) return refusal(2, "No such campaign");
  if (campaign.sentAt !== null) return refusal(10, "Its sending has started");
  account.remove(campaign.id);
  return done(true);
}
