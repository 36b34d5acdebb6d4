import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Gateways } from "../../src/sandbox/gateways.ts";
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

/**
 * Starts `oncebox worker`, or another program that is one, and waits until it works.
 *
 * @param host - What runs it elsewhere, as `ip netns exec NAME`.
 */
export type StartWorker = (
  env?: Record<string, string>,
  program?: readonly string[],
  host?: readonly string[],
) => Promise<WorkerProcess>;

/** Where they are, and the key. */
type Providers = Pick<Gateways, "mobizonUrl" | "mobizonApiKey" | "smtpUrl">;

/** Workers on one database and one pair of providers; all that still run are killed in the end. */
export class Workers implements AsyncDisposable {
  readonly #env: Record<string, string>;
  readonly #workers: WorkerProcess[] = [];

  constructor(databaseUrl: string, gateways: Providers, env: Record<string, string> = {}) {
    this.#env = {
      ...env,
      DATABASE_URL: databaseUrl,
      MOBIZON_API_URL: gateways.mobizonUrl,
      MOBIZON_API_KEY: gateways.mobizonApiKey,
      SMTP_URL: gateways.smtpUrl,
      MAIL_FROM: "ProfTest <info@example.kz>",
      LOG_LEVEL: "debug",
    };
  }

  start: StartWorker = async (env = {}, program = [MAIN, "worker"], host = []) => {
    const worker = spawnWorker([...host, process.execPath, ...program], { ...this.#env, ...env });
    this.#workers.push(worker);
    await worker.logged("worker:started");
    return worker;
  };

  async [Symbol.asyncDispose]() {
    // A stopped process dies of SIGKILL, too.
    for (const worker of this.#workers) worker.child.kill("SIGKILL");
    await Promise.all(this.#workers.map((it) => it.ended));
  }
}

function spawnWorker(
  [command = "", ...args]: readonly string[],
  env: Record<string, string>,
): WorkerProcess {
  const child = spawn(command, args, {
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
