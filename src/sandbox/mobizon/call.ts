import type { MobizonContext } from "./context.ts";
import { type Envelope, refusal } from "./envelope.ts";
import { type Form, listAt, textAt } from "./form.ts";
import {
  getCampaign,
  getOwnBalance,
  getSmsStatus,
  listCampaigns,
  listMessages,
} from "./lookups.ts";
import {
  addRecipients,
  createCampaign,
  deleteCampaign,
  sendCampaign,
  sendSmsMessage,
} from "./sends.ts";

type Method = (context: MobizonContext, form: Form) => Envelope;

const METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ["message/sendSmsMessage", sendSmsMessage],
  ["message/list", listMessages],
  ["message/getSMSStatus", getSmsStatus],
  ["campaign/create", createCampaign],
  ["campaign/addRecipients", addRecipients],
  ["campaign/send", sendCampaign],
  ["campaign/getInfo", (context, form) => getCampaign(context, form, true)],
  ["campaign/get", (context, form) => getCampaign(context, form, false)],
  ["campaign/delete", deleteCampaign],
  ["campaign/list", listCampaigns],
  ["user/getOwnBalance", getOwnBalance],
]);

const MODULES = new Set([...METHODS.keys()].map((it) => it.split("/")[0]));

export interface Call {
  /** As `campaign/send`, known or not. */
  readonly method: string;
  readonly query: URLSearchParams;
  readonly form: Form;
}

/** Why this call is not even looked at, or null if it may go on. */
export function refuse(call: Call, context: MobizonContext, apiKey: string): Envelope | null {
  const { method, query } = call;
  const { access } = context.settings;
  if (query.get("output") !== "json") return refusal(6, "Unknown format");
  if (query.get("api") !== "v1") return refusal(6, "Unknown version of the API");
  if (query.get("apiKey") !== apiKey) return refusal(8, "Login failed");
  if (access === "blocked") return refusal(14, "The account is blocked");
  if (access === "wrong_host") return refusal(13, "Wrong API host", "api.mobizon.example");
  if (METHODS.has(method)) return null;
  const isModule = MODULES.has(method.split("/")[0] ?? "");
  return isModule ? refusal(5, "No such method") : refusal(4, "No such module");
}

/** Does what the call asks for, at once: nothing else happens between its first look and its end. */
export function perform({ method, form }: Call, context: MobizonContext): Envelope {
  return METHODS.get(method)?.(context, form) ?? refusal(5, "No such method");
}

/** By what a fault can ask for this call. A campaign's own data count where only its id is given. */
export function traitsOf({ method, form }: Call, { account }: MobizonContext) {
  const campaign = method.startsWith("campaign/") ? account.find(textAt(form, "id")) : undefined;
  const recipient = textAt(form, "recipient") ?? textAt(form, "criteria", "recipient");
  return {
    method,
    recipient:
      recipient?.replace(/^\+/, "") ??
      textAt(form, "criteria", "to") ??
      campaign?.messages[0]?.to ??
      listAt(form, "recipients")?.[0],
    name: textAt(form, "params", "name") ?? textAt(form, "data", "name") ?? campaign?.name,
  };
}
