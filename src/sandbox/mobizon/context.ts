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
