import { parseNotificationId } from "../../../src/outbox/notification.ts";
import type { Draft, OutgoingMessage, SendContext } from "../../../src/outbox/outcome.ts";

export const SMS: OutgoingMessage = {
  notificationId: parseNotificationId("1042"),
  attempt: 1,
  recipient: "+77771234567",
  subject: null,
  body: "Айгерим, your result is ready",
  reference: "oncebox-1f0c9a2e-1042",
  draft: null,
};

export const EMAIL: OutgoingMessage = {
  ...SMS,
  recipient: "aigerim@example.test",
  subject: "Ваш результат",
  body: "Здравствуйте, Айгерим!\n\nРезультат готов.\n",
};

export const DRAFT: Draft = { campaignId: "501", messageId: "9001" };

export interface TestContext extends SendContext {
  readonly kept: Draft[];
  /** How often the last look was taken. */
  looks: number;
}

/** A holder that has all the time it needs, unless told otherwise. */
export function makeContext(
  overrides: {
    readonly signal?: AbortSignal;
    readonly mayStillSend?: boolean;
    readonly keepDraft?: () => Promise<boolean>;
  } = {},
): TestContext {
  const kept: Draft[] = [];
  return {
    kept,
    looks: 0,
    // Longer than any wait under test; only catches a hang.
    signal: overrides.signal ?? AbortSignal.timeout(20_000),
    mayStillSend() {
      this.looks += 1;
      return overrides.mayStillSend ?? true;
    },
    keepDraft(draft) {
      kept.push(draft);
      return overrides.keepDraft?.() ?? Promise.resolve(true);
    },
  };
}
