import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Logger } from "../log.ts";
import { sweep } from "../outbox/sweep.ts";
import { ring } from "../outbox/wake.ts";
import type { Observer } from "./observer.ts";

const SWEEP_EVERY_MS = 1_000;

/** Sweeps every second until the signal says stop. Every worker does; they skip each other's rows. */
export async function runSweep(
  db: Kysely<unknown>,
  log: Logger,
  signal: AbortSignal,
  observer?: Observer,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const swept = await sweep(db);
      // Its jobs are free, and nobody has been told of them.
      if (swept.some((it) => it.action === "gone")) await ring(db);
      for (const { action, subject } of swept) {
        observer?.swept(action);
        if (action === "gone")
          log.warn({ workerId: subject }, "worker:gone, its claims are taken over");
        else if (action === "travelled")
          log.error(
            { held: Number(subject) },
            "sweep:this database is another or an older one than it was, what is due is held",
          );
        else if (action === "set_aside")
          log.error({ notificationId: subject }, "sweep:set aside, three workers died with it");
        else log.warn({ notificationId: subject, action }, "sweep:moved");
      }
    } catch (error) {
      log.warn({ err: error }, "sweep:failed, it is tried again");
    }
    await sleep(SWEEP_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}
