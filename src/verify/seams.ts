import { setTimeout as sleep } from "node:timers/promises";
import type { Moves } from "../outbox/moves.ts";
import type { ChannelName, NotificationId } from "../outbox/notification.ts";
import type { Channel, OutgoingMessage } from "../outbox/outcome.ts";
import type { Seams } from "../shift.ts";
import type { Arm, Step } from "./steps.ts";

/** Tells of a moment that has come; must have done so when it returns, because we die next. */
type Tell = (event: WorkerEvent) => void;

export type WorkerEvent =
  | { readonly at: "ready" }
  /** It dies or freezes now. */
  | { readonly at: "moment"; readonly step: Step; readonly id: NotificationId }
  /** It is to be killed as soon as the provider has this message: its answer comes late. */
  | { readonly at: "awaiting"; readonly step: Step; readonly id: NotificationId };

export interface SeamDeps {
  readonly arm: Arm | null;
  readonly tell: Tell;
  /** Has the provider answer this message late, after taking or dropping it. */
  readonly delayAnswer: (
    channel: ChannelName,
    message: OutgoingMessage,
    accept: boolean,
  ) => Promise<void>;
}

/** Long enough for the others to find its lock free, short enough to send after that. */
const STALL_MS = 1_600;
/** A provider that drops a message has done so by then; its late answer comes much later. */
const DROPPED_AFTER_MS = 60;

/** Lets a worker run until it passes a step for the n-th time; there it kills or freezes itself. */
export function stepSeams({ arm, tell, delayAnswer }: SeamDeps): Seams & { disarm(): void } {
  let passesLeft = arm?.nth ?? 0;
  const channels = new Map<NotificationId, ChannelName>();

  /** Whether this passing is the one; true at most once. */
  function isMoment(step: Step, channel: ChannelName | null): boolean {
    if (arm === null || passesLeft <= 0 || arm.step !== step) return false;
    if (channel !== null && arm.channel !== channel) return false;
    passesLeft -= 1;
    return passesLeft === 0;
  }
  function act(step: Step, id: NotificationId): void {
    tell({ at: "moment", step, id });
    if (arm?.act !== "cut")
      process.kill(process.pid, arm?.act === "freeze" ? "SIGSTOP" : "SIGKILL");
  }
  function pass(step: Step, channel: ChannelName | null, id: NotificationId): void {
    if (isMoment(step, channel)) act(step, id);
  }
  /** The same where there is time to stand still. */
  async function stallOrPass(step: Step, channel: ChannelName, id: NotificationId): Promise<void> {
    if (!isMoment(step, channel)) return;
    act(step, id);
    await sleep(STALL_MS);
  }
  /** For a statement that is under way: dies in the middle of it, or around its commit. */
  async function passDuring<T>(
    step: Step,
    channel: ChannelName | null,
    id: NotificationId,
    work: Promise<T>,
  ): Promise<T> {
    if (isMoment(step, channel)) {
      work.catch(() => {});
      await sleep(arm?.afterMs ?? 0);
      act(step, id);
    }
    return await work;
  }

  return {
    disarm() {
      passesLeft = 0;
    },
    moves: (moves: Moves): Moves => ({
      ...moves,
      async claim(request) {
        const id = request.notificationId;
        // Which channel it is for is not known before the answer: these two serve both.
        pass("before claim", null, id);
        const claim = await passDuring("claiming", null, id, moves.claim(request));
        if (claim?.verdict === "claimed") channels.set(id, claim.channel);
        return claim;
      },
      keepDraft: (key, draft) =>
        passDuring("keeping draft", "sms", key.notificationId, moves.keepDraft(key, draft)),
      async settle(key, outcome, history) {
        const id = key.notificationId;
        const channel = channels.get(id) ?? null;
        const settled = await passDuring(
          "settling",
          channel,
          id,
          moves.settle(key, outcome, history),
        );
        pass("settled", channel, id);
        return settled;
      },
    }),
    channel: (name: ChannelName, channel: Channel): Channel => ({
      ...channel,
      async send(message, context) {
        const id = message.notificationId;
        await stallOrPass("claimed", name, id);
        if (isMoment("accepted unread", name)) {
          await delayAnswer(name, message, true);
          tell({ at: "awaiting", step: "accepted unread", id });
        }
        const isToBeDropped = isMoment("refused unread", name);
        if (isToBeDropped) await delayAnswer(name, message, false);
        const outcome = await channel.send(message, {
          signal: context.signal,
          mayStillSend() {
            pass("before write", name, id);
            const may = context.mayStillSend();
            if (may && isToBeDropped) setTimeout(act, DROPPED_AFTER_MS, "refused unread", id);
            if (may && isMoment("writing", name)) setImmediate(act, "writing", id);
            return may;
          },
          async keepDraft(draft) {
            await stallOrPass("draft made", name, id);
            const isKept = await context.keepDraft(draft);
            if (isKept) await stallOrPass("draft kept", name, id);
            return isKept;
          },
        });
        await stallOrPass("answered", name, id);
        return outcome;
      },
    }),
  };
}
