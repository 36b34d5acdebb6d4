import type { NotificationId } from "./notification.ts";

/**
 * Trouble that is the provider's or the set-up's and not this message's. It pauses
 * the whole channel instead of using up the message's tries.
 *
 * - `throttle`  we call too often (Mobizon code 30, HTTP 429, SMTP 421/450 limits)
 * - `outage`    the provider cannot be reached or is broken (refused, timeout, 5xx)
 * - `setup`     a wrong key, account, host, certificate or password
 * - `balance`   no money left on the account
 */
export type Trouble = "throttle" | "outage" | "setup" | "balance";

/**
 * What one attempt to send told us.
 *
 * The question each variant answers is "may we send again?", because that is
 * the only thing the outbox has to decide:
 *
 * - `accepted`  no need to. The provider took it and gave it a reference.
 * - `rejected`  no use. The same message would be refused again.
 * - `not_sent`  yes. We can show that nothing irreversible reached the provider.
 * - `unknown`   NO. It may have gone out; only the provider can tell us.
 *
 * A channel that is not sure returns `unknown`. Guessing `not_sent` costs a
 * duplicate message to a real person; guessing `unknown` costs a lookup.
 */
export type SendOutcome =
  | {
      readonly kind: "accepted";
      /** The provider's id of the message: Mobizon's message id, the SMTP queue id. */
      readonly providerRef: string;
      /** Mobizon's campaign id. */
      readonly campaignId?: string;
      /** `moderation` when the provider holds it for a person to look at first. */
      readonly delivery?: "moderation";
    }
  | { readonly kind: "rejected"; readonly code: string; readonly detail: string }
  | {
      readonly kind: "not_sent";
      readonly code: string;
      readonly detail: string;
      readonly trouble?: Trouble;
      readonly retryAfterMs?: number;
    }
  | {
      readonly kind: "unknown";
      readonly code: string;
      readonly detail: string;
      readonly trouble?: Trouble;
    };

/** What is prepared with the provider before the one call that cannot be taken back. */
export interface Draft {
  readonly campaignId: string;
  readonly messageId: string;
}

export interface OutgoingMessage {
  readonly notificationId: NotificationId;
  /** Counts from 1. Doubles as the fence. */
  readonly attempt: number;
  /** E.164 with "+" for `sms`, one plain address for `email`. */
  readonly recipient: string;
  /** For `email` only; without control characters. */
  readonly subject: string | null;
  /** Empty when there is no template for it and it brings no text: nothing can be sent. */
  readonly body: string;
  /**
   * The name by which the provider's record of this notification can be recognised, the same
   * on every attempt, as `oncebox-1f0c9a2e-1042`: ASCII letters, digits and `-`, at most 60.
   */
  readonly reference: string;
  /** What an earlier attempt prepared; this attempt continues it and makes no second one. */
  readonly draft: Draft | null;
}

export interface SendContext {
  /**
   * Aborts the wait for an answer, at the send's deadline. What was written stays written,
   * so an aborted send is `unknown` unless it can be shown that nothing was.
   */
  readonly signal: AbortSignal;
  /**
   * The last look before the first byte that cannot be taken back, to be called synchronously
   * right before it. False when the holder has lost the time it had: write nothing and answer `not_sent`.
   */
  mayStillSend(): boolean;
  /**
   * Commits the draft's ids, fenced by the attempt number. False when the attempt no longer
   * holds the claim: send nothing and answer `not_sent`.
   */
  keepDraft(draft: Draft): Promise<boolean>;
}

/** By what a provider's record of a notification can be found. */
export interface LookupKey {
  readonly recipient: string;
  readonly reference: string;
  readonly draft: Draft | null;
}

/** By what drafts that nobody will send off can be found, and told from the one that was kept. */
export interface LeftDrafts {
  readonly recipient: string;
  readonly reference: string;
  /** The notification's own campaign; null where none was kept. */
  readonly keptCampaignId: string | null;
}

/**
 * What a provider's own record says of an outcome in doubt. The same care as with a send: a
 * channel that is not sure answers `undecided`.
 *
 * - `sent`       it went out, or is on its way
 * - `rejected`   it was refused, and will not go out
 * - `draft`      it is there, and provably not sent off; sending the same draft off is safe
 * - `absent`     all of the list was read and it is not there; weaker than a record
 * - `undecided`  asked in vain, or there is a trace that says neither
 */
export type Finding =
  | {
      readonly kind: "sent";
      readonly providerRef: string;
      readonly campaignId?: string;
      readonly delivery?: "moderation";
    }
  | { readonly kind: "rejected" | "undecided"; readonly code: string; readonly detail: string }
  | { readonly kind: "draft" | "absent" };

/** A message of ours as the provider's own record has it. */
export interface ProviderRecord {
  /** The name that we gave it; see `OutgoingMessage.reference`. */
  readonly reference: string;
  readonly campaignId: string;
  /** One SMS each; none where the provider lists none. */
  readonly messageIds: readonly string[];
  /**
   * - `sent`    it went out, or is on its way
   * - `not`     it is there and did not: a draft, or one that was declined
   * - `odd`     its status says neither
   */
  readonly standing: "sent" | "not" | "odd";
  /** The provider's word for it. */
  readonly status: string;
}

/** Which messages of a provider's record are asked for. */
export interface RecordRange {
  /** What the references of this database begin with. */
  readonly prefix: string;
  /** Made at this moment or later, by the provider's clock, whose zone is not known. */
  readonly since: Date;
  /** Told after every page. `total`: all that the list has, those of others too. */
  readonly onProgress: (progress: { readonly read: number; readonly total: number }) => void;
}

/** By what the provider is asked how far a message got that it took. */
export interface FollowKey {
  /** The provider's own; where only its campaign is known, something that is no number. */
  readonly messageId: string;
  readonly campaignId: string | null;
}

/** How far a message got, by the provider's word. */
export interface DeliveryReport {
  /** As it was asked for. */
  readonly messageId: string;
  /** `moderation`, `DECLINED`, or the status as the provider spells it. */
  readonly delivery: string;
  /** The moderator's words. */
  readonly detail: string | null;
  /** The parts it was sent as. */
  readonly segments: number | null;
  /** Of one part, a decimal number in the account's currency; asked for once it is final. */
  readonly price: string | null;
}

/** An answer of the provider's to a question that sends nothing. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly code: string;
      readonly detail: string;
      readonly trouble?: Trouble;
    };

export interface Balance {
  /** A decimal number; may be negative. */
  readonly balance: string;
  /** ISO 4217. */
  readonly currency: string;
}

/** One step of trying a gateway. */
export interface ProbeStep {
  /** As `log in`. */
  readonly name: string;
  readonly ok: boolean;
  /** What was found, or why it failed: a code and the provider's words, cleaned. */
  readonly detail: string;
  /** Whose fault a failure is, where that is known. */
  readonly trouble?: Trouble;
}

/** One way out. Implementations know a wire protocol and nothing of Postgres. */
export interface Channel {
  /**
   * Makes exactly one try. Never retries by itself, and never throws for a
   * failed send: a thrown error is a bug, and is settled as `unknown`.
   */
  send(message: OutgoingMessage, context: SendContext): Promise<SendOutcome>;
  /**
   * Asks the provider's record; sends nothing and never throws for a failed call. Missing where
   * the provider cannot be asked.
   *
   * @param signal - Aborts the call: `undecided`.
   */
  lookUp?(key: LookupKey, signal: AbortSignal): Promise<Finding>;
  /**
   * Throws away the drafts of a final notification that its attempts made and did not come to
   * keep; never the kept one, and none that was sent off. Missing where there are no drafts.
   *
   * @returns How many it threw away; null when it could not make sure that none is left.
   */
  discardDrafts?(left: LeftDrafts, signal: AbortSignal): Promise<number | null>;
  /**
   * Asks how far messages got that the provider took; at most 100. Those of which it told nothing
   * are missing from the answer. Never throws for a failed call. Missing where a provider cannot tell.
   */
  trackDeliveries?(
    keys: readonly FollowKey[],
    signal: AbortSignal,
  ): Promise<Reading<readonly DeliveryReport[]>>;
  /** What is left on the account. Never throws for a failed call. Missing where nothing is charged. */
  readBalance?(signal: AbortSignal): Promise<Reading<Balance>>;
  /**
   * Reads the provider's whole record of a range, page by page. Missing where there is none.
   *
   * @throws OnceboxError `ONCEBOX_PROVIDER_FAILED` - a page could not be read.
   */
  readRecord?(range: RecordRange, signal: AbortSignal): Promise<readonly ProviderRecord[]>;
  /**
   * The record of one campaign, however long ago; null when the provider knows none.
   *
   * @throws OnceboxError `ONCEBOX_PROVIDER_FAILED` - it could not be asked.
   */
  findRecord?(campaignId: string, signal: AbortSignal): Promise<ProviderRecord | null>;
  /**
   * Tries the gateway as a send would, and sends nothing. The first step that fails is the last.
   *
   * @param signal - Aborts it: a failed step.
   */
  probe?(signal: AbortSignal): Promise<readonly ProbeStep[]>;
  /** Lets go of sockets. Call it once, when no send is under way. */
  close(): Promise<void>;
}
