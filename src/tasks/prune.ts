import type { Task } from "graphile-worker";
import type { Kysely } from "kysely";
import type { Logger } from "../log.ts";
import { prune } from "../outbox/prune.ts";

/** Rows a transaction: short enough that nobody waits. */
const BATCH = 1_000;

/** At night by UTC, once for all workers together. */
export const PRUNE_CRONTAB = "17 3 * * * oncebox_prune";

export interface PruneDeps {
  readonly db: Kysely<unknown>;
  readonly keepMs: number;
  readonly isStopping: () => boolean;
  readonly log: Logger;
}

/** Removes what is older than `keepMs`, batch by batch. What a stop leaves goes the next night. */
export function pruneTask({ db, keepMs, isStopping, log }: PruneDeps): Task {
  return async () => {
    let notifications = 0;
    while (!isStopping()) {
      const batch = await prune(db, keepMs, BATCH);
      if (batch === 0) break;
      notifications += batch;
    }
    log.info({ notifications }, "prune:done");
  };
}
