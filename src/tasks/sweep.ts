import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Logger } from "../log.ts";
import { sweep } from "../outbox/sweep.ts";

const SWEEP_EVERY_MS = 1_000;

/** Sweeps every second until the signal says stop. Every worker does; they skip each other's rows. */
export async function runSweep(
  db: Kysely<unknown>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for (const { action, notificationId } of await sweep(db)) {
        const event = { notificationId, action };
        if (action === "unknown") log.error(event, "sweep:moved, it may or may not have gone out");
        else log.warn(event, "sweep:moved");
      }
    } catch (error) {
      log.warn({ err: error }, "sweep:failed, it is tried again");
    }
    await sleep(SWEEP_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}
