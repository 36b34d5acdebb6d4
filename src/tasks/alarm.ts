import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Logger } from "../log.ts";
import { nextDueInMs, ring } from "../outbox/wake.ts";

/** How far it looks ahead, and so how long it may take to notice a row written by somebody else. */
const LOOK_AHEAD_MS = 1_000;
/** Timers may fire a moment early by the database's clock; and rows due close together share one ring. */
const SLACK_MS = 1;

/**
 * Rings when the next notification is due, until the signal says stop. graphile-worker notices a
 * job dated in the future only when it next polls, 2 seconds apart; this makes it a few milliseconds.
 */
export async function runAlarm(
  db: Kysely<unknown>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const dueInMs = await nextDueInMs(db, LOOK_AHEAD_MS);
      await pause(dueInMs === null ? LOOK_AHEAD_MS : dueInMs + SLACK_MS, signal);
      if (dueInMs !== null && !signal.aborted) await ring(db);
    } catch (error) {
      log.warn({ err: error }, "alarm:failed, graphile-worker's own poll goes on");
      await pause(LOOK_AHEAD_MS, signal);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
