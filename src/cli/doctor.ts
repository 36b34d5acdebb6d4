import Table from "cli-table3";
import type { Command } from "commander";
import { type Config, readConfig, requireDatabaseUrl } from "../config.ts";
import { readDrift } from "../db/drift.ts";
import { readSchemaStatus } from "../db/migrate.ts";
import { takePresence } from "../db/presence.ts";
import { OnceboxError } from "../errors.ts";
import { checkRules, readBrokenRules } from "../inspect/broken-rules.ts";
import {
  type Check,
  checkBalance,
  checkChannels,
  checkDeliveries,
  checkDoubt,
  checkGuard,
  checkSchema,
  checkServer,
  checkSetAside,
  checkSweep,
  checkWorkers,
  ok,
} from "../inspect/checks.ts";
import { checkGateway } from "../inspect/gateway.ts";
import { readGuard } from "../inspect/guard.ts";
import { readHealth } from "../inspect/health.ts";
import { checkJobs, readJobs } from "../inspect/jobs.ts";
import { readRoles } from "../inspect/roles.ts";
import { readServer } from "../inspect/server.ts";
import {
  checkClock,
  checkDurability,
  checkKeepalive,
  checkTimeouts,
  checkVersion,
  readSettings,
} from "../inspect/settings.ts";
import { checkDrift, checkRoles } from "../inspect/shape.ts";
import { CHANNELS } from "../outbox/notification.ts";
import { makeWorkerName } from "../outbox/worker-row.ts";
import { createChannels } from "../worker.ts";
import { type Database, withDatabase } from "./database.ts";
import { examinePm2 } from "./pm2.ts";

/** Of trying one gateway. */
const PROBE_TIMEOUT_MS = 60_000;

export function doctorCommand(command: Command): Command {
  return command
    .option("--provider", "try the gateways too, without sending anything")
    .option("--json", "for scripts")
    .addHelpText(
      "after",
      `
Each check is ok, warn (look at it when you can) or fail (something is not sent, or cannot be
trusted), with what it means and the command that mends it. Run it where and as a worker runs: it
looks through DATABASE_URL, at this machine's clock and at the ecosystem file of this folder.
--provider makes, looks up and deletes a draft at Mobizon, and logs in to the mail server.

Examples:
  oncebox doctor
  oncebox doctor --provider
  oncebox doctor --json | jq '.checks[] | select(.status != "ok")'`,
    )
    .action(async ({ json, provider }: { json?: true; provider?: true }) => {
      const config = readConfig();
      const databaseUrl = requireDatabaseUrl(config);
      const checks = [
        ...(await examine(databaseUrl)),
        ...(await examinePm2(config.sendTimeoutMs)),
        ...(provider ? await examineGateways(config) : []),
      ];
      if (json) console.log(JSON.stringify({ checks }));
      else console.log(tableOf(checks));
      if (checks.some((it) => it.status === "fail")) process.exitCode = 1;
    });
}

/** In the order in which one thing needs the other: what cannot be asked any more is left out. */
async function examine(databaseUrl: string): Promise<Check[]> {
  try {
    return await withDatabase(databaseUrl, "oncebox doctor", (database) =>
      examineDatabase(databaseUrl, database),
    );
  } catch (error) {
    if (error instanceof OnceboxError && error.code === "ONCEBOX_DATABASE_UNREACHABLE") {
      return [failed("database", error)];
    }
    throw error;
  }
}

async function examineDatabase(databaseUrl: string, { pool, db }: Database): Promise<Check[]> {
  const server = checkServer(await readServer(db));
  if (server.status === "fail") return [server];
  const ofServer = [server, ...(await examineServer(db)), await checkSession(databaseUrl)];
  const status = await readSchemaStatus(pool);
  const schema = checkSchema(status);
  if (schema.status === "fail") return [...ofServer, schema];
  return [
    ...ofServer,
    schema,
    // A newer schema is not ours to compare.
    ...(status.state === "current"
      ? [checkDrift(await readDrift(pool)), checkRoles(await readRoles(db))]
      : []),
    ...(await examineOutbox(db)),
  ];
}

/** Of the server and the role, whatever is in the database. */
async function examineServer(db: Database["db"]): Promise<Check[]> {
  const askedAt = new Date();
  const settings = await readSettings(db);
  return [
    checkVersion(settings),
    checkDurability(settings),
    checkTimeouts(settings),
    checkKeepalive(settings),
    checkClock(settings, askedAt, new Date()),
  ];
}

/** Of what is in the outbox, with the views of this version's schema. */
async function examineOutbox(db: Database["db"]): Promise<Check[]> {
  const health = await readHealth(db);
  return [
    checkGuard(await readGuard(db)),
    checkRules(await readBrokenRules(db)),
    checkDoubt(health, new Date()),
    checkSetAside(health),
    checkChannels(health),
    checkBalance(health),
    checkDeliveries(health, new Date()),
    checkJobs(await readJobs(db)),
    checkSweep(health),
    checkWorkers(health),
  ];
}

/** Tried one after the other; the database is not needed for it. */
async function examineGateways(config: Config): Promise<Check[]> {
  const channels = await createChannels(config);
  const checks: Check[] = [];
  for (const name of CHANNELS) {
    const channel = channels[name];
    const steps = (await channel?.probe?.(AbortSignal.timeout(PROBE_TIMEOUT_MS))) ?? null;
    checks.push(checkGateway(name, steps));
    await channel?.close();
  }
  return checks;
}

/** Takes a lock as a worker does, and lets go of it again. */
async function checkSession(databaseUrl: string): Promise<Check> {
  try {
    const presence = await takePresence(databaseUrl, makeWorkerName().lockKey);
    await presence.close();
    return ok("connection", "is a session of its own, as workers need");
  } catch (error) {
    if (error instanceof OnceboxError) return failed("connection", error);
    throw error;
  }
}

function failed(name: string, { message, hint }: OnceboxError): Check {
  return { name, status: "fail", means: message, remedy: hint };
}

function tableOf(checks: readonly Check[]): string {
  const table = new Table({
    head: ["check", "", "means", "what to do"],
    style: { head: [], border: [] },
    colWidths: [20, 6, 60, 40],
    wordWrap: true,
  });
  for (const it of checks) table.push([it.name, it.status, it.means, it.remedy ?? ""]);
  return table.toString();
}
