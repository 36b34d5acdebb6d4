import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fchownSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { listen } from "../listen.ts";
import { POSTGRES_ENV } from "./data.ts";
import type { SystemUser } from "./system-user.ts";

/** Crash recovery of a big directory takes its time; longer than this is a hang. */
const START_TIMEOUT_MS = 60_000;

/** A fast shutdown still writes a checkpoint. After this the server is stopped as in a crash. */
const FAST_STOP_TIMEOUT_MS = 30_000;

/**
 * Becomes Postgres, and leaves a guardian behind that stops it when our end of the pipe on
 * descriptor 3 closes without a word: so Postgres cannot outlive us, whatever ends us,
 * SIGKILL included. The guardian starts first, so there is no moment without one; it is
 * forked twice, because Postgres calls a child that it does not know a crash.
 *
 * The wait has an end, because a container without an init keeps a dead process as a zombie.
 *
 * SIGQUIT is Postgres's immediate shutdown: a next start recovers, and nothing committed is lost.
 */
const GUARDED_START = `
temporary=$1; shift
(
  {
    read -r bye <&3 && exit
    kill -QUIT $$
    [ -n "$temporary" ] || exit
    tries=0
    while kill -0 $$ && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
    rm -rf -- "$temporary"
  } >/dev/null 2>&1 &
)
exec "$@" 3<&-
`;

export interface Server {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves when the process is gone, at once if it already is. */
  readonly exited: Promise<void>;
}

export interface Launch {
  readonly bin: string;
  readonly user: SystemUser | null;
  readonly dataDir: string;
  /** Removed by the guardian when we die; null to keep everything. */
  readonly temporary: string | null;
  readonly settings: Readonly<Record<string, string>>;
}

/** Starts the process; it is not ready yet. */
export function launch({ bin, user, dataDir, temporary, settings }: Launch): Server {
  // A file and not a pipe: a pipe that we are too busy to read would make Postgres wait.
  const log = openSync(logFile(dataDir), "w", 0o600);
  if (user !== null) fchownSync(log, user.uid, user.gid);
  const named = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  const command = [join(bin, "postgres"), "-D", dataDir, ...named];
  const child = spawn("/bin/sh", ["-c", GUARDED_START, "sh", temporary ?? "", ...command], {
    ...user,
    cwd: "/",
    env: POSTGRES_ENV,
    // A process group of its own: Ctrl-C in the terminal is for the worker, which drains first.
    detached: true,
    // Descriptor 3 and not 0, which Node closes by itself when the child ends.
    stdio: ["ignore", log, log, "pipe"],
  });
  closeSync(log);
  const guardian = child.stdio[3] as Writable;
  guardian.on("error", () => undefined); // It may be gone before our goodbye.
  const exited = once(child, "exit").then(
    () => void guardian.end("bye\n"),
    () => undefined, // It never started: waitUntilReady() finds no pid and says so.
  );
  return { pid: child.pid ?? 0, child, exited };
}

/** False when the process ended, or never answered, instead of getting ready. */
export async function waitUntilReady(server: Server, url: string): Promise<boolean> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (isRunning(server) && Date.now() < deadline) {
    // Whoever else listens on the port may accept and say nothing: our server's end comes first.
    if (await Promise.race([answers(url), server.exited.then(() => false)])) return true;
    await Promise.race([server.exited, delay(20)]);
  }
  return false;
}

export async function stopServer(server: Server, mode: "fast" | "immediate"): Promise<void> {
  if (!isRunning(server)) return server.exited;
  server.child.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
  const impatient = setTimeout(() => server.child.kill("SIGQUIT"), FAST_STOP_TIMEOUT_MS);
  await server.exited;
  clearTimeout(impatient);
}

export function isRunning({ child }: Server): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

export function readLog(dataDir: string): string {
  return readFileSync(logFile(dataDir), "utf8").trimEnd();
}

/** A port that is free now. Another process may take it before we do: be ready to ask again. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, "close");
  return port;
}

function logFile(dataDir: string): string {
  return join(dataDir, "oncebox.log");
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // An end of the connection after the answer is not our concern.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
