import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Gateways, startGateways } from "../../src/sandbox/gateways.ts";
import { test as base } from "./fixture.ts";
import { type StartWorker, Workers } from "./worker-process.ts";

export type { WorkerProcess } from "./worker-process.ts";

interface Running {
  /** Stand-ins for the providers, in a process of their own, with empty ledgers. */
  readonly gateways: Gateways;
  /** Starts a worker against both; it is killed after the test. */
  readonly startWorker: StartWorker;
}

export const test = base.extend<Running>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures used from the pattern
  gateways: async ({}, use) => {
    const dir = await mkdtemp(join(tmpdir(), "oncebox-gateways-"));
    const gateways = await startGateways({ dir });
    await use(gateways);
    await gateways.close();
    await rm(dir, { recursive: true });
  },
  startWorker: async ({ databaseUrl, gateways }, use) => {
    await using workers = new Workers(databaseUrl, gateways);
    await use(workers.start);
  },
});
