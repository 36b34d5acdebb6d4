/** A worker that takes jobs and never gets as far as a claim, as if it was killed on its way there. */
import { readConfig } from "../../src/config.ts";
import { createLogger } from "../../src/log.ts";
import { runWorker } from "../../src/worker.ts";

const worker = await runWorker(readConfig(), createLogger("debug"), {
  moves: (moves) => ({ ...moves, claim: () => new Promise(() => {}) }),
});
await worker.done;
