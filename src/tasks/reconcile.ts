import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Logger } from "../log.ts";
import type { ChannelName } from "../outbox/notification.ts";
import type { Channel, Finding } from "../outbox/outcome.ts";
import { type Doubt, reconcile, takeLookups } from "../outbox/reconcile.ts";
import type { Observer } from "./observer.ts";

const EVERY_MS = 1_000;
const AT_ONCE = 10;

export interface ReconcileDeps {
  readonly db: Kysely<unknown>;
  readonly workerId: string;
  readonly channels: Readonly<Partial<Record<ChannelName, Channel>>>;
  /** What to do with an email in doubt: SMTP cannot be asked. */
  readonly emailUnknown: "hold" | "resend";
  readonly sendTimeoutMs: number;
  readonly observer?: Observer | undefined;
  readonly log: Logger;
}

/** Asks the providers about outcomes in doubt, every second until the signal says stop. */
export async function runReconcile(deps: ReconcileDeps, signal: AbortSignal): Promise<void> {
  const askable = askableChannels(deps);
  while (!signal.aborted) {
    let taken = 0;
    try {
      const doubts = await takeLookups(deps.db, askable, AT_ONCE);
      taken = doubts.length;
      await Promise.all(doubts.map((doubt) => decide(deps, doubt)));
    } catch (error) {
      deps.log.warn({ err: error }, "reconcile:failed, it is tried again");
    }
    // A full hand: there are more.
    if (taken < AT_ONCE) await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

function askableChannels({ channels, emailUnknown }: ReconcileDeps): ChannelName[] {
  const names = Object.keys(channels) as ChannelName[];
  return names.filter(
    (it) => channels[it]?.lookUp !== undefined || (it === "email" && emailUnknown === "resend"),
  );
}

async function decide(deps: ReconcileDeps, doubt: Doubt): Promise<void> {
  const finding = await ask(deps, doubt);
  const verdict = await reconcile(deps.db, doubt, deps.workerId, finding);
  deps.observer?.lookedUp(doubt.channel, finding.kind, verdict);
  const event = {
    notificationId: doubt.notificationId,
    attempt: doubt.attempt,
    channel: doubt.channel,
    finding: finding.kind,
    code: "code" in finding ? finding.code : undefined,
    verdict,
  };
  if (verdict === "later" || verdict === null) deps.log.info(event, "reconcile:asked");
  else deps.log.warn(event, "reconcile:resolved");
}

async function ask(
  deps: ReconcileDeps,
  { channel, key }: Doubt,
): Promise<Finding | { readonly kind: "repeat" }> {
  const way = deps.channels[channel];
  if (way?.lookUp === undefined) return { kind: "repeat" };
  try {
    return await way.lookUp(key, AbortSignal.timeout(deps.sendTimeoutMs));
  } catch (error) {
    deps.log.error({ err: error }, "reconcile:threw");
    return { kind: "undecided", code: "bug", detail: "the channel threw; see the log" };
  }
}
