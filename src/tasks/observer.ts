import type { Claim } from "../outbox/claim.ts";
import type { ChannelName } from "../outbox/notification.ts";
import type { Finding, SendOutcome } from "../outbox/outcome.ts";
import type { Verdict } from "../outbox/reconcile.ts";
import type { Settled } from "../outbox/settle.ts";
import type { Swept } from "../outbox/sweep.ts";

/** Connections, and who waits for one: what pg's `Pool` tells of itself. */
export interface PoolUse {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

/**
 * Told of what a worker does, as it does it. Nothing waits for it, and it must not throw: it stands
 * between a claim and its send.
 */
export interface Observer {
  /** It opened its connections to the database; again after it lost them. */
  connected(pool: PoolUse): void;
  /** A wake-up came to this. */
  wokeUp(channel: ChannelName, verdict: Claim["verdict"]): void;
  /**
   * The provider is called now.
   *
   * @param lagMs - Since it was due.
   */
  sending(channel: ChannelName, lagMs: number): void;
  /** The provider answered, or did not. */
  answered(channel: ChannelName, outcome: SendOutcome, durationMs: number): void;
  /** The outcome was written down. */
  settled(channel: ChannelName, outcome: SendOutcome, settled: Settled): void;
  /** The provider was asked about an outcome in doubt; verdict null = the row had moved on meanwhile. */
  lookedUp(
    channel: ChannelName,
    finding: Finding["kind"] | "repeat",
    verdict: Verdict | null,
  ): void;
  /** The sweep put something right. */
  swept(action: Swept["action"]): void;
}
