import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { startPostgres } from "../../src/sandbox/postgres.ts";
import type { Contestant, Lead, Sender } from "../contestants/contestant.ts";
import { copyRows } from "./copies.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { leadOf } from "./leads.ts";
import { WorkerProcess } from "./process.ts";

/** What is in a database before the measurement begins. */
export interface Backlog {
  readonly kind: "future" | "due" | "finished";
  readonly rows: number;
}

/** A database of one measurement. */
export interface Database extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  /** The bench's own connections; `APPLICATION` is their name. */
  readonly pool: pg.Pool;
  readonly sender: Sender;
  /** All in one transaction. */
  register(leads: readonly Lead[]): Promise<void>;
}

export const APPLICATION = "bench";

/** The lead of which a backlog is copies; no measurement registers so many. */
const PROTOTYPE = 9_999_999;
const DUE: Readonly<Record<Backlog["kind"], { readonly sql: string; readonly afterMs: number }>> = {
  future: { sql: "now() + interval '1 day' + i * interval '10 milliseconds'", afterMs: 86_400_000 },
  due: { sql: "now() - interval '1 hour' + i * interval '100 microseconds'", afterMs: -3_600_000 },
  finished: { sql: "", afterMs: 0 },
};
/** Every contestant's workers and the bench itself; all other settings are Postgres's own. */
const SERVER_SETTINGS = { max_connections: "600" };
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SENT_WITHIN_MS = 30_000;

/** One Postgres and one gateway, for all measurements in turn. */
export class Arena implements AsyncDisposable {
  readonly gateway: Gateway;
  readonly serverUrl: string;
  readonly dataDir: string;
  readonly onceboxMain: string;
  readonly #resources: AsyncDisposableStack;
  readonly #templates = new Map<string, Promise<string>>();
  readonly #admin: pg.Pool;
  #databases = 0;

  private constructor(
    parts: { serverUrl: string; dataDir: string; gateway: Gateway; onceboxMain: string },
    resources: AsyncDisposableStack,
  ) {
    this.serverUrl = parts.serverUrl;
    this.dataDir = parts.dataDir;
    this.gateway = parts.gateway;
    this.onceboxMain = parts.onceboxMain;
    this.#resources = resources;
    this.#admin = openPool(parts.serverUrl, 2);
    resources.defer(() => this.#admin.end());
  }

  /** @param onceboxMain - Left out: oncebox is built, and runs as it is installed. */
  static async open(onceboxMain?: string): Promise<Arena> {
    await using opened = new AsyncDisposableStack();
    const main = onceboxMain ?? (await build(opened));
    const postgres = opened.use(await startPostgres({ settings: SERVER_SETTINGS }));
    const gateway = opened.use(await startGateway());
    const { url: serverUrl, dataDir } = postgres;
    return new Arena({ serverUrl, dataDir, gateway, onceboxMain: main }, opened.move());
  }

  /** A fresh database that a contestant was prepared in, with what was there before. */
  async openDatabase(contestant: Contestant, backlog: Backlog | null = null): Promise<Database> {
    const template = await this.#template(contestant, backlog);
    this.#databases += 1;
    const name = `bench_${this.#databases}`;
    // Of a large one, files are copied faster than their pages are logged.
    const strategy = backlog === null ? "wal_log" : "file_copy";
    await this.#admin.query(`create database ${name} template ${template} strategy ${strategy}`);
    return await this.#connect(contestant, name);
  }

  /** So that no measurement pays for what another one wrote. */
  async settle({ pool }: Database): Promise<void> {
    await pool.query("analyze");
    await this.#admin.query("checkpoint");
  }

  startWorker(contestant: Contestant, { url }: Database, inFlight: number | null): WorkerProcess {
    const { gateway, onceboxMain } = this;
    return new WorkerProcess(
      contestant.worker({ databaseUrl: url, gatewayUrl: gateway.url, onceboxMain, inFlight }),
    );
  }

  async #template(contestant: Contestant, backlog: Backlog | null): Promise<string> {
    const about = backlog === null ? "empty" : `${backlog.kind}_${backlog.rows}`;
    const name = `template_${contestant.name}_${about}`.replaceAll("-", "_");
    const made = this.#templates.get(name) ?? this.#makeTemplate(name, contestant, backlog);
    this.#templates.set(name, made);
    return await made;
  }

  async #makeTemplate(
    name: string,
    contestant: Contestant,
    backlog: Backlog | null,
  ): Promise<string> {
    if (backlog === null) {
      await this.#admin.query(`create database ${name}`);
      const url = urlOf(this.serverUrl, name);
      const pool = openPool(url, 4);
      await contestant.prepare(pool, url);
      await pool.end();
      return name;
    }
    const empty = await this.#template(contestant, null);
    await this.#admin.query(`create database ${name} template ${empty}`);
    const database = await this.#connect(contestant, name, false);
    const { sql, afterMs } = DUE[backlog.kind];
    await database.register([leadOf(PROTOTYPE, new Date(Date.now() + afterMs))]);
    if (backlog.kind === "finished") await this.#send(contestant, database);
    const tables = backlog.kind === "finished" ? contestant.finished : contestant.copies(sql);
    await copyRows(database.pool, tables ?? [], backlog.rows);
    await contestant.beforeCopying?.(database.pool);
    await database.pool.query("vacuum analyze");
    await database[Symbol.asyncDispose]();
    return name;
  }

  /** The one that is registered, by the contestant's own worker. */
  async #send(contestant: Contestant, database: Database): Promise<void> {
    await this.gateway.reset(0);
    await using worker = this.startWorker(contestant, database, null);
    const giveUpAt = Date.now() + SENT_WITHIN_MS;
    while ((await this.gateway.counts()).people === 0) {
      worker.assertAlive();
      if (Date.now() > giveUpAt) throw new Error(`${contestant.name} sent nothing`);
    }
  }

  async #connect(contestant: Contestant, name: string, isDropped = true): Promise<Database> {
    const url = urlOf(this.serverUrl, name);
    const pool = openPool(url, 16);
    const sender = await contestant.openSender(url);
    return {
      name,
      url,
      pool,
      sender,
      register: async (leads) => {
        const client = await pool.connect();
        await sender.registerMany(client, leads).finally(() => client.release());
      },
      [Symbol.asyncDispose]: async () => {
        await sender[Symbol.asyncDispose]();
        await pool.end();
        if (isDropped) await this.#admin.query(`drop database if exists ${name} with (force)`);
      },
    };
  }

  async [Symbol.asyncDispose]() {
    await this.#resources.disposeAsync();
  }
}

function openPool(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString, max, application_name: APPLICATION });
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/** The package as npm would install it, in a folder of its own. */
async function build(opened: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "oncebox-bench-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const tsc = join(ROOT, "node_modules/.bin/tsc");
  await promisify(execFile)(tsc, ["-p", "tsconfig.build.json", "--outDir", join(folder, "dist")], {
    cwd: ROOT,
  });
  await Promise.all([
    symlink(join(ROOT, "node_modules"), join(folder, "node_modules")),
    ...["package.json", "sql", "migrations", "dashboard"].map((it) =>
      cp(join(ROOT, it), join(folder, it), { recursive: true }),
    ),
  ]);
  return join(folder, "dist/cli/main.js");
}
