import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { POSTGRES_ENV } from "../../src/sandbox/postgres/data.ts";
import {
  freePort,
  launch,
  readLog,
  type Server,
  stopServer,
  waitUntilReady,
} from "../../src/sandbox/postgres/server.ts";
import { postgresUser } from "../../src/sandbox/postgres/system-user.ts";
import { openPool } from "../support/database.ts";
import { until } from "../support/until.ts";

/** One Postgres of a pair, on a port of its own. */
export interface Node extends AsyncDisposable {
  readonly port: number;
  readonly dataDir: string;
  urlTo(database: string): string;
  stop(mode: "fast" | "immediate"): Promise<void>;
}

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  timezone: "UTC",
  // Faster, and only the machine's crash would show it.
  fsync: "off",
  wal_level: "replica",
  max_wal_senders: "10",
  max_connections: "60",
  hot_standby: "on",
  // The frozen one is not to be found out.
  wal_sender_timeout: "0",
};

/** The folder of a whole Postgres: the embedded one has no pg_basebackup. Null when there is none. */
export function findPostgres(): string | null {
  const folders = [
    ...globSync("/usr/lib/postgresql/*/bin").sort().reverse(),
    ...(process.env.PATH ?? "").split(":"),
  ];
  const whole = ["initdb", "postgres", "pg_basebackup", "pg_dump", "pg_restore"];
  return folders.find((it) => whole.every((program) => existsSync(join(it, program)))) ?? null;
}

/** Makes clusters and copies of them, all in one folder that goes with it. */
export class Clusters implements AsyncDisposable {
  readonly #bin: string;
  readonly #user = postgresUser();
  readonly #folder: string;
  readonly #password = randomBytes(18).toString("hex");
  readonly #nodes = new Set<Node>();
  #count = 0;

  constructor(bin: string) {
    this.#bin = bin;
    this.#folder = this.#own(
      mkdtempSync(join(this.#user === null ? tmpdir() : "/var/tmp", "oncebox-clusters-")),
    );
  }

  /** A cluster of its own, with these settings beside those of all. */
  async create(settings: Readonly<Record<string, string>> = {}): Promise<Node> {
    const dataDir = this.#nextFolder();
    const passwordFile = this.#own(join(this.#folder, "password"), this.#password);
    await this.run("initdb", [
      `--pgdata=${dataDir}`,
      "--username=postgres",
      "--auth=scram-sha-256",
      `--pwfile=${passwordFile}`,
      "--encoding=UTF8",
      "--no-locale",
      "--no-sync",
      "--no-instructions",
    ]);
    return await this.start(dataDir, settings);
  }

  /** A standby that follows `primary`, without it waiting for anything; started and caught up. */
  async follow(primary: Node, settings: Readonly<Record<string, string>> = {}): Promise<Node> {
    const dataDir = this.#nextFolder();
    await this.run("pg_basebackup", [
      `--dbname=${primary.urlTo("postgres")}`,
      `--pgdata=${dataDir}`,
      "--write-recovery-conf",
      "--checkpoint=fast",
      "--wal-method=stream",
      "--no-sync",
    ]);
    return await this.start(dataDir, settings);
  }

  /** The files of a cluster that is stopped, as they are. */
  async copyFiles(stopped: Node): Promise<string> {
    const dataDir = this.#nextFolder();
    await promisify(execFile)("cp", ["-a", stopped.dataDir, dataDir]);
    return dataDir;
  }

  /** A base backup of a running cluster. */
  async backUp(node: Node): Promise<string> {
    const dataDir = this.#nextFolder();
    await this.run("pg_basebackup", [
      `--dbname=${node.urlTo("postgres")}`,
      `--pgdata=${dataDir}`,
      "--checkpoint=fast",
      "--wal-method=stream",
      "--no-sync",
    ]);
    return dataDir;
  }

  /** Recovers a backup to its own point in time and no further. */
  async recover(backup: string): Promise<Node> {
    writeFileSync(join(backup, "recovery.signal"), "");
    return await this.start(backup, {
      restore_command: "false",
      recovery_target: "immediate",
      recovery_target_action: "promote",
    });
  }

  async start(dataDir: string, more: Readonly<Record<string, string>> = {}): Promise<Node> {
    const port = await freePort();
    const settings = { ...SETTINGS, ...more, port: String(port) };
    const urlTo = (database: string) =>
      `postgres://postgres:${this.#password}@127.0.0.1:${port}/${database}`;
    const server: Server = launch({
      bin: this.#bin,
      user: this.#user,
      dataDir,
      temporary: null,
      settings,
    });
    if (!(await waitUntilReady(server, urlTo("postgres")))) {
      throw new Error(`Postgres did not start in ${dataDir}:\n${readLog(dataDir)}`);
    }
    const stop = async (mode: "fast" | "immediate") => {
      const stopped = stopServer(server, mode);
      // A frozen process cannot end by itself, and would be waited for.
      if (mode === "immediate") for (const pid of frozen) killIfThere(pid, "SIGKILL");
      await stopped;
    };
    const frozen = new Set<number>();
    this.#frozen.set(port, frozen);
    const node: Node = {
      port,
      dataDir,
      urlTo,
      stop,
      [Symbol.asyncDispose]: () => stop("immediate"),
    };
    this.#nodes.add(node);
    return node;
  }

  readonly #frozen = new Map<number, Set<number>>();

  /** Nothing that is committed on `primary` from now on reaches a standby. */
  async freezeReplication(primary: Node): Promise<void> {
    const pool = openPool(primary.urlTo("postgres"));
    await until("the standby has all there is", async () => {
      const { rows } = await pool.query<{ pid: number }>(
        "select pid from pg_stat_replication where replay_lsn >= pg_current_wal_lsn()",
      );
      for (const { pid } of rows) {
        process.kill(pid, "SIGSTOP");
        this.#frozen.get(primary.port)?.add(pid);
      }
      return rows.length > 0;
    });
    await pool.end();
  }

  async promote(standby: Node): Promise<void> {
    const pool = openPool(standby.urlTo("postgres"));
    await pool.query("select pg_promote(true, 30)");
    await pool.end();
  }

  /** Runs one of Postgres' programs as its user. */
  async run(program: string, args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(join(this.#bin, program), args, {
      ...this.#user,
      cwd: "/",
      env: POSTGRES_ENV,
    });
    return stdout;
  }

  /** A path in the folder that Postgres' user may write to. */
  fileNamed(name: string): string {
    return join(this.#folder, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#nodes].map((it) => it.stop("immediate")));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #nextFolder(): string {
    this.#count += 1;
    return join(this.#folder, `data-${this.#count}`);
  }

  #own(path: string, content?: string): string {
    if (content !== undefined) writeFileSync(path, content, { mode: 0o600 });
    if (this.#user !== null) chownSync(path, this.#user.uid, this.#user.gid);
    return path;
  }
}

function killIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}
