import { Command } from "commander";
import { readConfig, requireDatabaseUrl } from "../config.ts";
import { migrate, readSchemaStatus, type SchemaStatus } from "../db/migrate.ts";
import { setDelay } from "../outbox/worker-row.ts";
import { withDatabase } from "./database.ts";
import { migrateRolesCommand } from "./migrate-roles.ts";

export function migrateCommand(): Command {
  const command = new Command("migrate")
    .description("bring the database's schema to this version, or say where it is")
    .addHelpText(
      "after",
      `
Examples:
  DATABASE_URL=postgres://.. oncebox migrate up
  oncebox migrate status --json

An existing public.landing_leads is adopted: only missing columns are added.
ONCEBOX_DELAY, if it is set, is written into the database for every caller.`,
    );
  command
    .command("up")
    .description("apply what is missing; harmless to repeat, and by several at once")
    .option("--json", "for scripts")
    .action(async ({ json }: { json?: true }) => {
      const config = readConfig();
      await withDatabase(requireDatabaseUrl(config), "oncebox migrate", async ({ pool, db }) => {
        const applied = await migrate(pool);
        if (config.delay !== null) await setDelay(db, config.delay);
        if (json) console.log(JSON.stringify({ applied }));
        else if (applied.length === 0)
          console.log("nothing to apply; functions and views are this version's");
        else for (const name of applied) console.log(`applied ${name}`);
      });
    });
  command
    .command("status")
    .description("which migrations are applied; exit 1 unless the schema is current")
    .option("--json", "for scripts")
    .action(async ({ json }: { json?: true }) => {
      await withDatabase(requireDatabaseUrl(readConfig()), "oncebox migrate", async ({ pool }) => {
        const status = await readSchemaStatus(pool);
        if (json) console.log(JSON.stringify(status));
        else printStatus(status);
        if (status.state !== "current") process.exitCode = 1;
      });
    });
  command.addCommand(migrateRolesCommand());
  return command;
}

const SENTENCE: Readonly<Record<SchemaStatus["state"], string>> = {
  missing: "there is no oncebox schema yet: oncebox migrate up",
  outdated: "the schema is older than this oncebox: oncebox migrate up",
  current: "the schema is current",
  newer: "the schema was made by a newer oncebox than this one, which runs on it",
  too_new: "the schema was made by a newer oncebox than this one, which cannot run on it",
};

function printStatus(status: SchemaStatus): void {
  for (const { name, appliedAt } of status.migrations) {
    console.log(
      `${name.padEnd(32)} ${appliedAt === null ? "to come" : `applied ${appliedAt.toISOString()}`}`,
    );
  }
  console.log(SENTENCE[status.state]);
}
