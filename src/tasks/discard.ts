import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Logger } from "../log.ts";
import { type Discard, discarded, takeDiscards } from "../outbox/discard.ts";
import type { ChannelName } from "../outbox/notification.ts";
import type { Channel } from "../outbox/outcome.ts";

const EVERY_MS = 5_000;
/** There is no hurry, and the provider's calls are better used for sending. */
const AT_ONCE = 5;

export interface DiscardDeps {
  readonly db: Kysely<unknown>;
  readonly channels: Readonly<Partial<Record<ChannelName, Channel>>>;
  readonly sendTimeoutMs: number;
  readonly log: Logger;
}

/** Throws away drafts that were left at the providers, every five seconds until the signal says stop. */
export async function runDiscard(deps: DiscardDeps, signal: AbortSignal): Promise<void> {
  const names = (Object.keys(deps.channels) as ChannelName[]).filter(
    (it) => deps.channels[it]?.discardDrafts !== undefined,
  );
  while (!signal.aborted && names.length > 0) {
    try {
      const taken = await takeDiscards(deps.db, names, AT_ONCE);
      await Promise.all(taken.map((it) => discard(deps, it)));
    } catch (error) {
      deps.log.warn({ err: error }, "discard:failed, it is tried again");
    }
    await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

async function discard(
  deps: DiscardDeps,
  { notificationId, channel, left }: Discard,
): Promise<void> {
  const signal = AbortSignal.timeout(deps.sendTimeoutMs);
  const drafts = (await deps.channels[channel]?.discardDrafts?.(left, signal)) ?? null;
  if (drafts === null) {
    deps.log.info({ notificationId, channel }, "discard:not done, it is tried again");
    return;
  }
  await discarded(deps.db, notificationId);
  if (drafts > 0) deps.log.info({ notificationId, channel, drafts }, "drafts:discarded");
}
