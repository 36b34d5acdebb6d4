import { batchingLoop } from "./batching-loop.ts";
import type { Contestant, Peer } from "./contestant.ts";
import { graphileDefault, graphileTuned } from "./graphile-worker.ts";
import { onceboxCampaign, onceboxMessage } from "./oncebox.ts";
import { pgBossBatch, pgBossTuned } from "./pg-boss.ts";
import { transactionalOutbox } from "./pg-transactional-outbox.ts";
import { rowsAlone } from "./rows-alone.ts";

/** Those whose worker runs in `bench/worker.ts`. */
export const PEERS: readonly Peer[] = [
  graphileDefault,
  graphileTuned,
  pgBossTuned,
  pgBossBatch,
  transactionalOutbox,
  batchingLoop,
  rowsAlone,
];

export const CONTESTANTS: readonly Contestant[] = [onceboxMessage, onceboxCampaign, ...PEERS];
