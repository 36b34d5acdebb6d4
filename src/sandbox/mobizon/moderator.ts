import type { Account } from "./account.ts";
import type { MobizonSettings } from "./context.ts";
import { moderationOf } from "./numbers.ts";

/** The person at the vendor who looks at a campaign before it goes out. */
export interface Moderator {
  wants(numbers: readonly string[]): boolean;
  take(campaignId: number): void;
  stop(): void;
}

export function moderator(account: Account, settings: () => MobizonSettings): Moderator {
  const timers = new Set<NodeJS.Timeout>();

  const decisionOn = (numbers: readonly string[]) =>
    numbers.map(moderationOf).find((it) => it !== undefined) ?? settings().moderation;

  function decide(campaignId: number): void {
    const campaign = account.find(String(campaignId));
    if (campaign === undefined || campaign.isDeleted) return;
    const decision = decisionOn(campaign.messages.map(({ to }) => to));
    if (decision === "decline") account.decline(campaignId);
    else account.sendOut(campaignId);
  }

  function schedule(campaignId: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      decide(campaignId);
    }, settings().moderationMs);
    timers.add(timer);
  }

  // What an earlier run left waiting.
  for (const { id, moderation } of account.campaigns()) {
    if (moderation === "waiting") schedule(id);
  }

  return {
    wants: (numbers) => decisionOn(numbers) !== "none",
    take: (campaignId) => {
      account.moderate(campaignId);
      schedule(campaignId);
    },
    stop: () => {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
