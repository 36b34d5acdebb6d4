import { randomUUID } from "node:crypto";
import type { Task } from "graphile-worker";
import type { Logger } from "../log.ts";
import type { Claim } from "../outbox/claim.ts";
import type { Moves } from "../outbox/moves.ts";
import { type NotificationId, parseNotificationId } from "../outbox/notification.ts";
import type { Channel, OutgoingMessage, SendOutcome, Trouble } from "../outbox/outcome.ts";
import { persist } from "../outbox/persist.ts";
import { failSpan, inSpan, linkTo, type Span, SpanKind } from "../trace.ts";
import { withDeadline } from "./deadline.ts";
import type { Observer } from "./observer.ts";

type Limit = <T>(work: () => Promise<T>) => Promise<T>;

export interface SendTaskDeps {
  readonly moves: Moves;
  readonly workerId: string;
  readonly channel: Channel;
  /** Whether the channel commits a draft before the one call that cannot be taken back. */
  readonly twoStep: boolean;
  readonly leaseMs: number;
  readonly sendTimeoutMs: number;
  /** Sends that may start, by all workers together; null = as many as come. */
  readonly perSecond: number | null;
  /** Runs it as soon as few enough of this channel are claimed; a few more may be than there are places. */
  readonly inHand: Limit;
  /** Runs it as soon as fewer than the worker's concurrency are sending. */
  readonly inPlace: Limit;
  /** True once the worker was told to stop: nothing new is claimed, what is not under way yet is given back. */
  readonly isStopping: () => boolean;
  readonly observer?: Observer | undefined;
  readonly log: Logger;
}

/** Answers so far that pause the channel; once one is written down, no more is claimed. */
interface Troubles {
  told: number;
  written: number;
  /** Until all that were told are written down. */
  writing: Promise<unknown>;
}

interface OwnDeps extends SendTaskDeps {
  readonly troubles: Troubles;
}

type Claimed = Extract<Claim, { verdict: "claimed" }>;

/** claim -> commit -> channel -> settle. The job is only a wake-up; the row decides. */
export function sendTask(deps: SendTaskDeps): Task {
  const own = { ...deps, troubles: { told: 0, written: 0, writing: Promise.resolve() } };
  return async (payload) => {
    const notificationId = parseNotificationId((payload as { id: unknown }).id);
    const attributes = { "oncebox.notification_id": notificationId };
    await inSpan("oncebox.send", { kind: SpanKind.CONSUMER, attributes }, (span) =>
      wakeUp(own, notificationId, span),
    );
  };
}

async function wakeUp(deps: OwnDeps, notificationId: NotificationId, span: Span): Promise<void> {
  const attempt = await deps.inHand(() => claimAndSend(deps, notificationId, span));
  if (attempt === null) return;
  // What was sent has its place free: writing it down keeps no other waiting.
  if (attempt.sent !== null) await writeDown(deps, attempt.claim, attempt.sent, span);
  await linkToRegistration(deps, notificationId, span);
}

interface Sent {
  readonly outcome: SendOutcome;
  readonly startedAt: number;
  readonly onWritten: () => void;
}

/** Null when there was nothing to do; without `sent` when nothing was to be sent. */
async function claimAndSend(
  deps: OwnDeps,
  notificationId: NotificationId,
  span: Span,
): Promise<{ readonly claim: Claimed; readonly sent: Sent } | { readonly sent: null } | null> {
  if (deps.isStopping()) {
    await deps.moves.wake(notificationId);
    return null;
  }
  // What is given back is woken at once, maybe before the database knows of the pause.
  await deps.troubles.writing;
  // Before the claim: a process that is frozen between its commit and the send has lost that time, too.
  const mayStillSend = watch(deps.sendTimeoutMs);
  const isFresh = watch(deps.sendTimeoutMs / 2);
  const troublesBefore = deps.troubles.written;
  const request = {
    notificationId,
    workerId: deps.workerId,
    token: randomUUID(),
    leaseMs: deps.leaseMs,
    sendTimeoutMs: deps.sendTimeoutMs,
    perSecond: deps.perSecond,
    twoStep: deps.twoStep,
  };
  // A claim that took effect unheard is ours all the same, and the same token gets it again. Half
  // the time of a send is left for the send.
  const claim = await inSpan("oncebox.claim", {}, () =>
    persist(deps.sendTimeoutMs / 2, () => deps.moves.claim(request)),
  );
  span.setAttribute("oncebox.verdict", claim?.verdict ?? "nothing to do");
  if (claim === null) return null;
  deps.observer?.wokeUp(claim.channel, claim.verdict);
  if (claim.verdict !== "claimed") {
    logVerdict(deps.log, notificationId, claim);
    return { sent: null };
  }
  const { attempt } = claim.message;
  span.setAttributes({ "oncebox.channel": claim.channel, "oncebox.attempt": attempt });
  return await deps.inPlace(async () => {
    const reason = reasonToGiveBack(deps, troublesBefore, isFresh);
    if (reason !== null) {
      await deps.moves.release({ notificationId, attempt }, reason);
      return { sent: null };
    }
    const startedAt = performance.now();
    const outcome = await send(deps, claim, mayStillSend);
    const onWritten = troubleOf(outcome) === undefined ? () => {} : tell(deps.troubles);
    return { claim, sent: { outcome, startedAt, onWritten } };
  });
}

/** Notes an answer that pauses the channel; what it returns notes that it is written down. */
function tell(troubles: Troubles): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  troubles.told += 1;
  troubles.writing = Promise.all([troubles.writing, promise]);
  return () => {
    troubles.written += 1;
    resolve();
  };
}

/** What came up while a claim waited for its place, and keeps it from being sent; null = nothing. */
function reasonToGiveBack(
  { isStopping, troubles }: OwnDeps,
  troublesBefore: number,
  isFresh: () => boolean,
): string | null {
  if (isStopping()) return "worker_stopping";
  if (troubles.told > troublesBefore) return "channel_paused";
  // So late a place that the send might be cut short.
  return isFresh() ? null : "waited_too_long";
}

/** In the end: it must not keep a send waiting, nor undo one. */
async function linkToRegistration(
  { moves, log }: OwnDeps,
  notificationId: NotificationId,
  span: Span,
): Promise<void> {
  if (!span.isRecording()) return;
  try {
    linkTo(span, await moves.traceOf(notificationId));
  } catch (error) {
    log.debug({ err: error, notificationId }, "its registration's trace could not be read");
  }
}

async function writeDown(
  deps: OwnDeps,
  claimed: Claimed,
  { outcome, startedAt, onWritten }: Sent,
  span: Span,
): Promise<void> {
  const { notificationId, attempt } = claimed.message;
  const { channel } = claimed;
  const key = { notificationId, attempt };
  const trouble = troubleOf(outcome);
  // What the provider said must not be lost: asked again as long as the claim lasts.
  const settled = await inSpan("oncebox.settle", {}, () =>
    persist(deps.leaseMs, () => deps.moves.settle(key, outcome, claimed.history)),
  ).finally(onWritten);
  deps.observer?.settled(channel, outcome, settled);
  span.setAttributes({ "oncebox.outcome": outcome.kind, "oncebox.state": settled.state });
  const event = {
    ...key,
    leadId: claimed.leadId,
    channel,
    outcome: outcome.kind,
    code: outcome.kind === "accepted" ? undefined : outcome.code,
    detail: outcome.kind === "accepted" ? undefined : outcome.detail,
    state: settled.state,
    moved: settled.moved,
    lagMs: Math.round(Date.now() - claimed.dueAt.getTime()),
    durationMs: Math.round(performance.now() - startedAt),
  };
  if (outcome.kind === "accepted" && settled.moved) deps.log.info(event, "attempt:settled");
  else deps.log.warn(event, "attempt:settled");
  if (trouble !== undefined)
    deps.log.warn({ channel, trouble, code: event.code }, "channel:paused");
}

function troubleOf(outcome: SendOutcome): Trouble | undefined {
  return outcome.kind === "not_sent" || outcome.kind === "unknown" ? outcome.trouble : undefined;
}

const NO_TEXT: SendOutcome = {
  kind: "rejected",
  code: "no_text",
  detail: "there is no template for it and it brings no text",
};

async function send(
  deps: OwnDeps,
  claimed: Claimed,
  mayStillSend: () => boolean,
): Promise<SendOutcome> {
  const { message, channel, dueAt } = claimed;
  if (message.body === "" || message.subject === "") return NO_TEXT;
  const attributes = { "oncebox.channel": channel };
  return await inSpan("oncebox.provider", { kind: SpanKind.CLIENT, attributes }, async (span) => {
    deps.observer?.sending(channel, Date.now() - dueAt.getTime());
    const startedAt = performance.now();
    const outcome = await callChannel(deps, message, mayStillSend);
    deps.observer?.answered(channel, outcome, performance.now() - startedAt);
    span.setAttribute("oncebox.outcome", outcome.kind);
    if (outcome.kind !== "accepted") failSpan(span, outcome.code);
    return outcome;
  });
}

async function callChannel(
  deps: OwnDeps,
  message: OutgoingMessage,
  mayStillSend: () => boolean,
): Promise<SendOutcome> {
  const { notificationId, attempt } = message;
  try {
    return await withDeadline(deps.sendTimeoutMs, (signal) =>
      deps.channel.send(message, {
        signal,
        mayStillSend,
        keepDraft: (draft) =>
          persist(deps.sendTimeoutMs, () =>
            deps.moves.keepDraft({ notificationId, attempt }, draft),
          ),
      }),
    );
  } catch (error) {
    deps.log.error({ err: error, notificationId, attempt }, "attempt:threw");
    return { kind: "unknown", code: "bug", detail: "the channel threw; see the log" };
  }
}

/**
 * True while the attempt is within its time on both clocks: the monotonic one stands still while
 * the machine is suspended, and the wall clock can be set.
 */
function watch(limitMs: number): () => boolean {
  const monotonic = performance.now();
  const wall = Date.now();
  return () => {
    const elapsed = performance.now() - monotonic;
    const wallElapsed = Date.now() - wall;
    return elapsed < limitMs && wallElapsed < limitMs && wallElapsed > -2_000;
  };
}

function logVerdict(
  log: Logger,
  notificationId: string,
  { verdict, leadId, channel }: Claim,
): void {
  const event = { notificationId, leadId, channel };
  switch (verdict) {
    case "already_sent":
      log.info(event, "already sent - skipping duplicate");
      break;
    case "expired":
      log.warn(event, "notification:expired");
      break;
    case "paused":
    case "throttled":
      log.debug(event, `channel is ${verdict}, notification waits`);
      break;
    case "held":
      log.warn(event, "notification:held, this database is another or an older one than it was");
      break;
  }
}
