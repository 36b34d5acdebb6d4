import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type pg from "pg";
import { openPool } from "../../test/support/database.ts";
import { until } from "../../test/support/until.ts";
import { openDatabase, type Site, startHosts, untilCaughtUp } from "./site.ts";

/** What works on the standby, and what does not. */
export interface StandbyFound {
  /** How many views answer. */
  readonly views: number;
  /** Those that do not, and what writes: the SQLSTATE that each ends with. */
  readonly refused: Readonly<Record<string, string>>;
  /** Each command of oncebox: its exit code, and what it said last. */
  readonly commands: Readonly<Record<string, string>>;
  /** `workers_alive` of oncebox.health, two workers being at work. */
  readonly workersAlive: { readonly onPrimary: number; readonly onStandby: number };
  /** Notifications that the two do not agree on, once the standby has all of the log. */
  readonly disagreements: number;
}

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const LEADS = 100;
const SENT_WITHIN_MS = 60_000;
/** A command that has not ended by then works. */
const RUNS_MS = 15_000;

const WRITES = [
  "select oncebox.register_lead(phone => '+77010000999')",
  "select oncebox.cancel(1, 'bench', 'bench')",
  "select oncebox.hold('bench', 'bench')",
];
const COMMANDS = [
  "doctor",
  "migrate status",
  "migrate check",
  "notifications list",
  "notifications show 1",
  "prune --dry-run",
  "erase --phone +77010000001 --dry-run",
  "tokens list",
  "migrate up",
  "register --phone +77010000999",
  "notifications cancel 1 --reason bench",
  "hold --yes --reason bench",
  "resume --sms --yes --reason bench",
  "prune",
  "worker",
];

export async function askStandby(site: Site): Promise<StandbyFound> {
  const { gateway, standby } = site;
  await using database = await openDatabase(site);
  await gateway.reset(0);
  await using _started = await startHosts(site, database, {
    hosts: 2,
    provider: { url: gateway.url, apiKey: "bench" },
  });
  await database.register(LEADS);
  await until(
    "all are sent",
    async () => {
      const { rows } = await database.pool.query(
        "select from oncebox.notification where state <> 'sent' limit 1",
      );
      return rows.length === 0;
    },
    SENT_WITHIN_MS,
  );
  await untilCaughtUp(site);

  const databaseUrl = standby.urlTo(database.name);
  const pool = openPool(databaseUrl);
  const { rows } = await pool.query<{ name: string }>(
    "select viewname as name from pg_views where schemaname = 'oncebox' order by 1",
  );
  const refused: Record<string, string> = {};
  for (const statement of [...rows.map((it) => `table oncebox.${it.name}`), ...WRITES])
    await pool.query(statement).catch((error: { code: string }) => {
      refused[statement] = error.code;
    });
  const views = rows.filter((it) => refused[`table oncebox.${it.name}`] === undefined).length;
  const alive = { there: await aliveOn(database.pool), here: await aliveOn(pool) };
  const [there, here] = [await statesOn(database.pool), await statesOn(pool)];
  await pool.end();

  const commands: Record<string, string> = {};
  for (const command of COMMANDS) commands[command] = await runCommand(command, databaseUrl);
  return {
    views,
    refused,
    commands,
    workersAlive: { onPrimary: alive.there, onStandby: alive.here },
    disagreements: there.filter((row, index) => row !== here[index]).length,
  };
}

async function aliveOn(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    "select workers_alive::integer as count from oncebox.health",
  );
  return rows[0]?.count ?? Number.NaN;
}

async function statesOn(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    "select id, state, attempt, provider_ref from oncebox.notifications order by id",
  );
  return rows.map((it) => JSON.stringify(it));
}

async function runCommand(command: string, databaseUrl: string): Promise<string> {
  const child = spawn(process.execPath, [MAIN, ...command.split(" ")], {
    env: { ...process.env, DATABASE_URL: databaseUrl, MOBIZON_API_KEY: "bench" },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: RUNS_MS,
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  return [`${code ?? signal}`, errors.trim().split("\n")[0]].filter((it) => it !== "").join(", ");
}
