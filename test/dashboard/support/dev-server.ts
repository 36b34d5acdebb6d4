import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../../support/until.ts";

const MAIN = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

/** `oncebox dev` as a process of its own, on this database: a server, a worker and the stand-ins. */
export class DevServer implements AsyncDisposable {
  readonly #databaseUrl: string;
  readonly #dir: string;
  #child: ChildProcess | null = null;
  #url: string | null = null;

  static async start(databaseUrl: string): Promise<DevServer> {
    const server = new DevServer(databaseUrl, await mkdtemp(join(tmpdir(), "oncebox-dev-")));
    await server.start();
    return server;
  }

  private constructor(databaseUrl: string, dir: string) {
    this.#databaseUrl = databaseUrl;
    this.#dir = dir;
  }

  get url(): string {
    return this.#url ?? "";
  }

  /** Where it was before, if it was anywhere. */
  async start(): Promise<void> {
    const port = this.#url === null ? "0" : new URL(this.#url).port;
    const child = spawn(process.execPath, [MAIN, "dev", "--data", this.#dir], {
      env: {
        ...process.env,
        DATABASE_URL: this.#databaseUrl,
        ONCEBOX_HTTP: `127.0.0.1:${port}`,
        ONCEBOX_DELAY: "2 seconds",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        said += chunk;
      });
    }
    this.#url = await until("oncebox dev says where its dashboard is", () => {
      if (child.exitCode !== null) throw new Error(`oncebox dev ended: ${said}`);
      return /^Dashboard +(\S+)$/m.exec(said)?.[1];
    });
  }

  /** No goodbye: connections are cut, nothing is tidied up. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
