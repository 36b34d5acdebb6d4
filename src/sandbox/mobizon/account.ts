import { openLedger } from "../ledger.ts";
import { finalStatusOf, type MessageStatus, segmentsOf } from "./numbers.ts";

export interface Message {
  readonly id: number;
  readonly to: string;
}

export interface Campaign {
  readonly id: number;
  readonly name: string;
  readonly text: string;
  /** 1 single message, 2 bulk, 3 template. */
  readonly type: number;
  readonly from: string;
  readonly createdAt: number;
  readonly messages: readonly Message[];
  readonly moderation: "none" | "waiting" | "declined";
  /** Null until the messages really go out. */
  readonly sentAt: number | null;
  readonly isDeleted: boolean;
}

type NewCampaign = Pick<Campaign, "name" | "text" | "type" | "from">;

/** One SMS that really went to a person. */
export interface SmsRecord {
  readonly id: string;
  readonly campaignId: string;
  /** The campaign's name: what `params[name]` or `data[name]` said. */
  readonly campaign: string;
  readonly to: string;
  readonly from: string;
  readonly text: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly status: MessageStatus;
}

/** The ledger. A line of kind `sms` is an SMS that went to a person; the rest is preparation. */
type MobizonLine = { readonly at: string } & (
  | ({ readonly kind: "campaign"; readonly id: number } & NewCampaign)
  | {
      readonly kind: "recipients";
      readonly campaignId: number;
      readonly replace: boolean;
      readonly messages: readonly Message[];
    }
  | { readonly kind: "moderation" | "declined" | "deleted"; readonly campaignId: number }
  | {
      readonly kind: "sms";
      readonly id: number;
      readonly campaignId: number;
      readonly campaign: string;
      readonly to: string;
      readonly from: string;
      readonly text: string;
    }
);

/** When a message that went out shows which status. The last one stands for its final status. */
export interface StatusStep {
  readonly status: MessageStatus;
  readonly afterMs: number;
}

export interface AccountOptions {
  readonly ledgerFile?: string | undefined;
  readonly statusSteps: readonly StatusStep[];
  readonly initialBalance: number;
  readonly segmentPrice: number;
  /** Called for every SMS that goes to a person, after its line is in the ledger. */
  readonly onSms?: ((sms: SmsRecord) => void) | undefined;
}

/** What the provider knows of one customer. Each change is in the ledger before it is true. */
export interface Account {
  campaigns(): readonly Campaign[];
  find(campaignId: string | undefined): Campaign | undefined;
  balance(): number;
  create(campaign: NewCampaign): number;
  addRecipients(campaignId: number, numbers: readonly string[], replace: boolean): Message[];
  moderate(campaignId: number): void;
  decline(campaignId: number): void;
  /** The one step that cannot be taken back. */
  sendOut(campaignId: number): void;
  remove(campaignId: number): void;
  statusOf(campaign: Campaign, message: Message, now?: number): DatedStatus;
  sent(): SmsRecord[];
}

interface DatedStatus {
  readonly status: MessageStatus;
  /** Null as long as the message is `NEW`. */
  readonly since: number | null;
}

export function openAccount(options: AccountOptions): Account {
  const ledger = openLedger<MobizonLine>(options.ledgerFile);
  const campaigns = new Map<number, Campaign>();
  let lastId = 1000;
  let spent = 0;
  for (const line of ledger.past) take(line);

  function write(...lines: readonly MobizonLine[]): void {
    ledger.append(lines);
    for (const line of lines) take(line);
  }

  function take(line: MobizonLine): void {
    const campaignId = line.kind === "campaign" ? line.id : line.campaignId;
    campaigns.set(campaignId, after(campaigns.get(campaignId), line));
    const given = line.kind === "recipients" ? line.messages.map(({ id }) => id) : [campaignId];
    lastId = Math.max(lastId, ...given);
    if (line.kind === "sms") spent += segmentsOf(line.text) * options.segmentPrice;
  }

  function known(campaignId: number): Campaign {
    const campaign = campaigns.get(campaignId);
    if (campaign === undefined) throw new TypeError(`no campaign ${campaignId}`);
    return campaign;
  }

  function statusOf(campaign: Campaign, message: Message, now = Date.now()): DatedStatus {
    if (campaign.sentAt === null) return { status: "NEW", since: null };
    const { sentAt } = campaign;
    const reached = options.statusSteps.findLast(({ afterMs }) => sentAt + afterMs <= now);
    if (reached === undefined || reached.status === "NEW") return { status: "NEW", since: null };
    const isLast = reached === options.statusSteps.at(-1);
    const status = isLast ? finalStatusOf(message.to) : reached.status;
    return { status, since: sentAt + reached.afterMs };
  }

  function smsOf(campaign: Campaign, message: Message): SmsRecord {
    return {
      id: String(message.id),
      campaignId: String(campaign.id),
      campaign: campaign.name,
      to: message.to,
      from: campaign.from,
      text: campaign.text,
      at: new Date(campaign.sentAt ?? 0).toISOString(),
      status: statusOf(campaign, message).status,
    };
  }

  return {
    campaigns: () => [...campaigns.values()],
    find: (campaignId) => campaigns.get(Number(campaignId)),
    balance: () => options.initialBalance - spent,
    create: (campaign) => {
      const id = lastId + 1;
      write({ kind: "campaign", at: now(), id, ...campaign });
      return id;
    },
    addRecipients: (campaignId, numbers, replace) => {
      const messages = numbers.map((to, index) => ({ id: lastId + 1 + index, to }));
      write({ kind: "recipients", at: now(), campaignId, replace, messages });
      return messages;
    },
    moderate: (campaignId) => write({ kind: "moderation", at: now(), campaignId }),
    decline: (campaignId) => write({ kind: "declined", at: now(), campaignId }),
    sendOut: (campaignId) => {
      const { messages, name, from, text } = known(campaignId);
      const at = now();
      const lines = messages.map(({ id, to }): MobizonLine => {
        return { kind: "sms", at, id, campaignId, campaign: name, to, from, text };
      });
      write(...lines);
      for (const message of messages) options.onSms?.(smsOf(known(campaignId), message));
    },
    remove: (campaignId) => write({ kind: "deleted", at: now(), campaignId }),
    statusOf,
    sent: () =>
      [...campaigns.values()]
        .filter(({ sentAt }) => sentAt !== null)
        .flatMap((campaign) => campaign.messages.map((message) => smsOf(campaign, message))),
  };
}

function after(campaign: Campaign | undefined, line: MobizonLine): Campaign {
  if (line.kind === "campaign") {
    const { kind: _, at, ...given } = line;
    const fresh = { messages: [], moderation: "none", sentAt: null, isDeleted: false } as const;
    return { ...given, ...fresh, createdAt: Date.parse(at) };
  }
  if (campaign === undefined) throw new TypeError(`no campaign for ${JSON.stringify(line)}`);
  switch (line.kind) {
    case "recipients": {
      const kept = line.replace ? [] : campaign.messages;
      return { ...campaign, messages: [...kept, ...line.messages] };
    }
    case "moderation":
      return { ...campaign, moderation: "waiting" };
    case "declined":
      return { ...campaign, moderation: "declined" };
    case "deleted":
      return { ...campaign, isDeleted: true };
    case "sms":
      return { ...campaign, moderation: "none", sentAt: Date.parse(line.at) };
  }
}

function now(): string {
  return new Date().toISOString();
}
