import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Gateways, startGateways } from "../../src/sandbox/gateways.ts";
import { test as base } from "./fixture.ts";
import { until } from "./until.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A worker as a process of its own. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  /** Its log so far. */
  readonly lines: readonly LogLine[];
  /** The first line of this message, once it comes. */
  logged(message: string, fields?: object): Promise<LogLine>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

interface Running {
  /** Stand-ins for the providers, in a process of their own, with empty ledgers. */
  readonly gateways: Gateways;
  /**
   * Starts `oncebox worker`, or another program that is one, against both and waits until it works; it
   * is killed after the test.
   */
  readonly startWorker: (
    env?: Record<string, string>,
    program?: readonly string[],
  ) => Promise<WorkerProcess>;
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
    const workers: WorkerProcess[] = [];
    await use(async (env = {}, program = [MAIN, "worker"]) => {
      const worker = spawnWorker(program, {
        DATABASE_URL: databaseUrl,
        MOBIZON_API_URL: gateways.mobizonUrl,
        MOBIZON_API_KEY: gateways.mobizonApiKey,
        SMTP_URL: gateways.smtpUrl,
        MAIL_FROM: "ProfTest <info@example.kz>",
        LOG_LEVEL: "debug",
        ...env,
      });
      workers.push(worker);
      await worker.logged("worker:started");
      return worker;
    });
    // A stopped process dies of SIGKILL, too.
    for (const worker of workers) worker.child.kill("SIGKILL");
    await Promise.all(workers.map((it) => it.ended));
  },
});

function spawnWorker(program: readonly string[], env: Record<string, string>): WorkerProcess {
  const child = spawn(process.execPath, program, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: LogLine[] = [];
  let errors = "";
  createInterface({ input: child.stdout }).on("line", (line) =>
    lines.push(JSON.parse(line) as LogLine),
  );
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  let end: number | string | null = null;
  void ended.then((it) => {
    end = it;
  });
  return {
    child,
    lines,
    ended,
    logged: (message, fields = {}) =>
      until(`the worker logs "${message}"`, () => {
        const found = lines.find(
          (it) =>
            it.msg === message && Object.entries(fields).every(([key, value]) => it[key] === value),
        );
        if (found === undefined && end !== null)
          throw new Error(`the worker ended with ${end}: ${errors}`);
        return found;
      }),
  };
}
