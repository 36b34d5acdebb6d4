import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type SandboxPostgres, startPostgres } from "../../src/sandbox/postgres.ts";
import { until } from "../support/until.ts";
import { isRunning } from "./is-running.ts";

const QUICK = { fsync: "off" };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oncebox-test-"));
  // mkdtemp closes it to everybody else; here the server's user may enter unless a test says not.
  chmodSync(folder, 0o755);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(postgres: SandboxPostgres, query: string): Promise<Record<string, unknown>> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    return (await client.query(query)).rows[0] as Record<string, unknown>;
  } finally {
    await client.end();
  }
}

test("starts Postgres 18 in UTF-8 and UTC, safe to crash, and leaves nothing behind", async () => {
  const postgres = await startPostgres();
  const answer = await ask(
    postgres,
    `select current_setting('server_version_num')::int / 10000 as version,
            current_setting('server_encoding') as encoding,
            current_setting('timezone') as timezone,
            current_setting('fsync') as fsync,
            lower('ПРИВЕТ') as lower`,
  );
  const { pid, dataDir } = postgres;
  await postgres.stop();
  await postgres.stop();

  expect(answer).toEqual({
    version: 18,
    encoding: "UTF8",
    timezone: "UTC",
    fsync: "on",
    lower: "привет",
  });
  expect(isRunning(pid)).toBe(false);
  expect(existsSync(dataDir)).toBe(false);
});

test("takes settings, and refuses a login without the password", async () => {
  await using postgres = await startPostgres({ settings: { ...QUICK, work_mem: "7MB" } });
  const stranger = new URL(postgres.url);
  stranger.password = "guess";

  expect(await ask(postgres, "show work_mem")).toEqual({ work_mem: "7MB" });
  await expect(new pg.Client({ connectionString: stranger.href }).connect()).rejects.toMatchObject({
    code: "28P01",
  });
});

test.runIf(process.getuid?.() === 0)("runs as another user when we are root", async () => {
  await using postgres = await startPostgres({ settings: QUICK });

  const status = readFileSync(`/proc/${postgres.pid}/status`, "utf8");

  expect(status).toMatch(/^Uid:\t[1-9]/m);
});

test("keeps its data where the server's user can go when the folder asked for is closed to it", async () => {
  const closed = join(folder, "closed");
  mkdirSync(closed, { mode: 0o700 });
  const dataDir = join(closed, "data");

  const first = await startPostgres({ dataDir, settings: QUICK });
  try {
    await ask(first, "create table kept as select 42 as answer");
    await first.stop();
    await using second = await startPostgres({ dataDir, settings: QUICK });

    expect(await ask(second, "select answer from kept")).toEqual({ answer: 42 });
    expect(second.dataDir).toBe(first.dataDir);
  } finally {
    rmSync(first.dataDir, { recursive: true, force: true });
  }
});

test("runs several at once, each with a port and data of its own", async () => {
  const servers = await Promise.all(
    [1, 2, 3].map(async () => await startPostgres({ settings: QUICK })),
  );
  try {
    const answers = await Promise.all(servers.map((it) => ask(it, "select 1 as one")));

    expect(answers).toEqual([{ one: 1 }, { one: 1 }, { one: 1 }]);
    expect(new Set(servers.map(({ port }) => port)).size).toBe(3);
    expect(new Set(servers.map(({ dataDir }) => dataDir)).size).toBe(3);
  } finally {
    await Promise.all(servers.map((it) => it.stop()));
  }
});

for (const mode of ["fast", "immediate"] as const) {
  test(`keeps its port and what was committed over a restart (${mode})`, async () => {
    await using postgres = await startPostgres();
    await ask(postgres, "create table kept as select 1 as answer");
    const before = { url: postgres.url, pid: postgres.pid };

    await postgres.restart(mode);

    expect(await ask(postgres, "select answer from kept")).toEqual({ answer: 1 });
    expect(postgres.url).toBe(before.url);
    expect(postgres.pid).not.toBe(before.pid);
  });
}

test("starts again after a kill, and after its process was killed by somebody else", async () => {
  await using postgres = await startPostgres();
  await ask(postgres, "create table kept as select 1 as answer");

  await postgres.kill();
  await expect(ask(postgres, "select 1")).rejects.toThrow();
  await postgres.restart("fast");
  process.kill(postgres.pid, "SIGKILL");
  await until("the server to be gone", () => !isRunning(postgres.pid));
  await postgres.restart("fast");

  expect(await ask(postgres, "select answer from kept")).toEqual({ answer: 1 });
});

test("is not kept from starting by a pid file whose number now belongs to somebody else", async () => {
  const dataDir = join(folder, "data");
  const first = await startPostgres({ dataDir, settings: QUICK });
  const pidFile = join(first.dataDir, "postmaster.pid");
  const lines = readFileSync(pidFile, "utf8");
  await first.stop();
  const bystander = spawn("sleep", ["600"]);
  try {
    writeFileSync(pidFile, lines.replace(/^\d+/, String(bystander.pid)));

    await using second = await startPostgres({ dataDir, settings: QUICK });

    expect(await ask(second, "select 1 as one")).toEqual({ one: 1 });
  } finally {
    bystander.kill();
    rmSync(first.dataDir, { recursive: true, force: true });
  }
});

test("refuses a folder that another server holds, and names its process", async () => {
  const dataDir = join(folder, "data");
  await using first = await startPostgres({ dataDir, settings: QUICK });

  const second = startPostgres({ dataDir, settings: QUICK });

  await expect(second).rejects.toMatchObject({
    code: "ONCEBOX_SANDBOX_FAILED",
    message: expect.stringContaining(`process ${first.pid} already uses`),
    hint: expect.stringContaining(String(first.pid)),
  });
});

test("refuses a port that is taken, and says which", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  try {
    await expect(startPostgres({ port, settings: QUICK })).rejects.toMatchObject({
      code: "ONCEBOX_SANDBOX_FAILED",
      hint: expect.stringContaining(`Port ${port} is taken`),
    });
  } finally {
    other.close();
  }
});

test("shows the server's own words when a setting is wrong", async () => {
  await expect(startPostgres({ settings: { no_such_setting: "1" } })).rejects.toMatchObject({
    code: "ONCEBOX_SANDBOX_FAILED",
    detail: expect.stringContaining("no_such_setting"),
  });
});

test("leaves a folder alone that holds something else", async () => {
  const dataDir = join(folder, "photos");
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, "cat.jpg"), "meow");

  await expect(startPostgres({ dataDir })).rejects.toMatchObject({
    code: "ONCEBOX_SANDBOX_FAILED",
    hint: expect.stringContaining("empty"),
  });
  expect(readFileSync(join(dataDir, "cat.jpg"), "utf8")).toBe("meow");
});

test("goes, data and all, when the process that started it is killed", async () => {
  const module = new URL("../../src/sandbox/postgres.ts", import.meta.url).href;
  const script = `
    import { startPostgres } from ${JSON.stringify(module)};
    const { pid, dataDir } = await startPostgres();
    console.log(JSON.stringify({ pid, dataDir }));
  `;
  const parent = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: parent.stdout }), "line")) as [string];
  const { pid, dataDir } = JSON.parse(line) as { pid: number; dataDir: string };
  expect(isRunning(pid)).toBe(true);

  parent.kill("SIGKILL");

  await until("Postgres to stop", () => !isRunning(pid));
  await until("its temporary data to be removed", () => !existsSync(dataDir));
});

test("refuses to run in production", async () => {
  vi.stubEnv("NODE_ENV", "production");

  await expect(startPostgres()).rejects.toMatchObject({ code: "ONCEBOX_SANDBOX_FAILED" });
});
