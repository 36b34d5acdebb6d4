import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { describe, expect } from "vitest";
import { takePresence } from "../../src/db/presence.ts";
import { makeWorkerName } from "../../src/outbox/worker-row.ts";
import { oncebox } from "../db/support/oncebox.ts";
import { test as base } from "../support/fixture.ts";
import { until } from "../support/until.ts";

const POOLER = findPooler();

interface Pooler {
  /** Starts PgBouncer in front of the test's database; answers a URL that leads through it. */
  readonly startPooler: (mode: "transaction" | "session") => Promise<string>;
}

const test = base.extend<Pooler>({
  startPooler: async ({ databaseUrl }, use) => {
    const folder = await mkdtemp(join(tmpdir(), "oncebox-pooler-"));
    await chmod(folder, 0o755);
    const stops: (() => Promise<void>)[] = [];
    await use(async (mode) => {
      const port = await freePort();
      const direct = new URL(databaseUrl);
      const file = join(folder, `${mode}.ini`);
      await writeFile(
        file,
        `[databases]
* = host=${direct.hostname} port=${direct.port} user=${direct.username} password=${direct.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = 5
ignore_startup_parameters = extra_float_digits,options
`,
      );
      const args = process.getuid?.() === 0 ? ["-u", "nobody", file] : [file];
      const child = spawn("pgbouncer", args, { stdio: "ignore" });
      stops.push(async () => {
        child.kill("SIGKILL");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      });
      const url = new URL(databaseUrl);
      url.port = `${port}`;
      await until("the pooler answers", () => canConnect(url.href));
      return url.href;
    });
    for (const stop of stops) await stop();
    await rm(folder, { recursive: true });
  },
});

function findPooler(): boolean {
  try {
    execFileSync("pgbouncer", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function canConnect(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

// Needs PgBouncer on the PATH, such as from Debian's package pgbouncer.
describe.skipIf(!POOLER)("a worker's connection", () => {
  test("is refused when it leads through a transaction pooler, and says what to change", async ({
    startPooler,
  }) => {
    const url = await startPooler("transaction");

    await expect(takePresence(url, makeWorkerName().lockKey)).rejects.toMatchObject({
      code: "ONCEBOX_CONNECTION_NOT_SESSION",
      hint: expect.stringContaining("session mode"),
    });
  });

  test("is proven by doctor, whatever it is told", async ({ startPooler }) => {
    const doctor = async (url: string) => {
      const ended = await oncebox(["doctor", "--json"], { DATABASE_URL: url });
      const { checks } = JSON.parse(ended.stdout) as { checks: { name: string; status: string }[] };
      return [ended.exitCode, checks.find((it) => it.name === "connection")?.status];
    };

    expect(await doctor(await startPooler("transaction"))).toEqual([1, "fail"]);
    expect(await doctor(await startPooler("session"))).toEqual([0, "ok"]);
  });

  test("is taken when the pooler hands out sessions", async ({ startPooler }) => {
    const url = await startPooler("session");

    const presence = await takePresence(url, makeWorkerName().lockKey);

    await presence.close();
  });
});

describe("presence", () => {
  test("is taken on a direct connection, and tells when that is lost", async ({
    databaseUrl,
    pool,
  }) => {
    const presence = await takePresence(databaseUrl, makeWorkerName().lockKey);
    await pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'oncebox presence' and datname = current_database()",
    );

    expect(await presence.lost).toMatch(/terminat|ended/);
    await presence.close();
  });

  test("frees its lock when it is let go", async ({ databaseUrl, pool }) => {
    const { lockKey } = makeWorkerName();
    const presence = await takePresence(databaseUrl, lockKey);
    const taken = await pool.query("select pg_try_advisory_lock($1::bigint) as free", [lockKey]);
    await presence.close();

    expect(taken.rows).toEqual([{ free: false }]);
    await until("the lock is free", async () => {
      const { rows } = await pool.query<{ free: boolean }>(
        "select pg_try_advisory_lock($1::bigint) as free",
        [lockKey],
      );
      return rows[0]?.free;
    });
  });
});
