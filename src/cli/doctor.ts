import Table from "cli-table3";
import { Command } from "commander";
import { readConfig, requireDatabaseUrl } from "../config.ts";
import { readSchemaStatus } from "../db/migrate.ts";
import { takePresence } from "../db/presence.ts";
import { OnceboxError } from "../errors.ts";
import {
  type Check,
  checkChannels,
  checkDoubt,
  checkGuard,
  checkSchema,
  checkServer,
  checkSetAside,
  checkWorkers,
  ok,
} from "../inspect/checks.ts";
import { readGuard } from "../inspect/guard.ts";
import { readHealth } from "../inspect/health.ts";
import { readServer } from "../inspect/server.ts";
import { makeWorkerName } from "../outbox/worker-row.ts";
import { type Database, withDatabase } from "./database.ts";

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("look whether everything is well; changes nothing, exit 1 if something is not")
    .option("--json", "for scripts")
    .addHelpText(
      "after",
      `
Each check is ok, warn (look at it when you can) or fail (something is not sent, or cannot be
trusted), with what it means and the command that mends it.

Examples:
  oncebox doctor
  oncebox doctor --json | jq '.checks[] | select(.status != "ok")'`,
    )
    .action(async ({ json }: { json?: true }) => {
      const checks = await examine(requireDatabaseUrl(readConfig()));
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
  const session = await checkSession(databaseUrl);
  const schema = checkSchema(await readSchemaStatus(pool));
  if (schema.status === "fail") return [server, session, schema];
  const health = await readHealth(db);
  return [
    server,
    session,
    schema,
    checkGuard(await readGuard(db)),
    checkDoubt(health, new Date()),
    checkSetAside(health),
    checkChannels(health),
    checkWorkers(health),
  ];
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
