import type { Account } from "./account.ts";
import type { Moderator } from "./moderator.ts";

/** What can be changed while the stand-in runs. */
export interface MobizonSettings {
  /** Waited before every answer, after what it answers for was done. */
  readonly delayMs: number;
  /** How old a campaign has to be to show up in a list: the vendor promises nothing. */
  readonly listLagMs: number;
  /** How far `counters` are behind. */
  readonly countersLagMs: number;
  /** What the moderator does with everything; some numbers ask for it by themselves. */
  readonly moderation: "none" | "approve" | "decline";
  readonly moderationMs: number;
  /** False: `campaign/addRecipients` refuses single messages, as the documentation may mean. */
  readonly singleTakesRecipients: boolean;
  /** `blocked` answers code 14 to everything, `wrong_host` code 13. */
  readonly access: "ok" | "blocked" | "wrong_host";
  /** Above this many calls in a second, code 30. */
  readonly callsPerSecond: number | null;
  /** Paid into the account since it was opened; negative = taken out. */
  readonly paidIn: number;
  /** Where final statuses are posted, and what they are signed with; null = nowhere. */
  readonly webhook: { readonly url: string; readonly secret: string } | null;
  /** Before the second attempt at a webhook; before the third twice that, and so on. */
  readonly webhookRetryMs: number;
}

export const DEFAULT_SETTINGS: MobizonSettings = {
  delayMs: 0,
  listLagMs: 0,
  countersLagMs: 100,
  moderation: "none",
  moderationMs: 200,
  singleTakesRecipients: true,
  access: "ok",
  callsPerSecond: null,
  paidIn: 0,
  webhook: null,
  webhookRetryMs: 60_000,
};

/** What a method of the API works with. */
export interface MobizonContext {
  readonly account: Account;
  readonly moderator: Moderator;
  readonly settings: MobizonSettings;
  /** The registered sender ids, the account's default first. */
  readonly senders: readonly string[];
  readonly segmentPrice: number;
}

/** What is left on the account. */
export function balanceOf({ account, settings }: MobizonContext): number {
  return account.balance() + settings.paidIn;
}
