import { Command } from "commander";
import { readConfig, requireDatabaseUrl } from "../config.ts";
import { readDrift } from "../db/drift.ts";
import {
  firstLineOf,
  migrate,
  migrateDown,
  type Plan,
  planMigration,
  readSchemaStatus,
  type SchemaStatus,
  sentenceOf,
  sqlOf,
} from "../db/migrate.ts";
import { readRoles } from "../inspect/roles.ts";
import { setDelay } from "../outbox/worker-row.ts";
import { type Database, withDatabase } from "./database.ts";
import { interval } from "./interval.ts";
import { migrateRolesCommand } from "./migrate-roles.ts";

const UP_TO_A_DAY = interval({ mostMs: 86_400_000 }, 'such as "2 seconds", at most a day');

const LOCK_TIMEOUT = [
  "--lock-timeout <interval>",
  "how long one transaction may wait for locks before it lets go and tries again",
  UP_TO_A_DAY,
  2_000,
] as const;

const GIVE_UP_AFTER = [
  "--give-up-after <interval>",
  "how long it is tried again",
  UP_TO_A_DAY,
  300_000,
] as const;

export function migrateCommand(command: Command): Command {
  command.addHelpText(
    "after",
    `
Examples:
  DATABASE_URL=postgres://.. oncebox migrate up
  oncebox migrate plan

An existing public.landing_leads is adopted: only missing columns are added.
ONCEBOX_DELAY, if it is set, is written into the database for every caller. See docs/migrations.md.`,
  );
  for (const make of [statusCommand, planCommand, upCommand, downCommand, checkCommand]) {
    command.addCommand(make());
  }
  command.addCommand(migrateRolesCommand());
  return command;
}

function statusCommand(): Command {
  return new Command("status")
    .description("which migrations are applied; exit 1 unless the schema is current")
    .option("--json", "for scripts")
    .addHelpText("after", examples("oncebox migrate status", "oncebox migrate status --json"))
    .action(async ({ json }: { json?: true }) => {
      await inDatabase(async ({ pool }) => {
        const status = await readSchemaStatus(pool);
        if (json) console.log(JSON.stringify(status));
        else printStatus(status);
        if (status.state !== "current") process.exitCode = 1;
      });
    });
}

function planCommand(): Command {
  return new Command("plan")
    .description(
      "what up would run now, and what it locks; changes nothing, needs no right to write",
    )
    .option("--json", "for scripts")
    .option("--sql", "one file, for psql or a tool that runs SQL")
    .option(...LOCK_TIMEOUT)
    .addHelpText(
      "after",
      examples(
        "oncebox migrate plan",
        "oncebox migrate plan --sql > upgrade.sql",
        "oncebox migrate plan --json | jq '.parts[].statements[].locks[] | select(.isNew | not)'",
      ),
    )
    .action(async (options: { json?: true; sql?: true; lockTimeout: number }) => {
      await inDatabase(async ({ pool }) => {
        const plan = await planMigration(pool);
        if (options.json) console.log(JSON.stringify(plan));
        else if (options.sql) process.stdout.write(sqlOf(plan, options.lockTimeout));
        else printPlan(plan);
      });
    });
}

interface Patient {
  readonly json?: true;
  readonly lockTimeout: number;
  readonly giveUpAfter: number;
}

function patienceOf({ lockTimeout, giveUpAfter }: Patient) {
  return {
    lockTimeoutMs: lockTimeout,
    giveUpAfterMs: giveUpAfter,
    onProgress: (line: string) => console.error(line),
  };
}

function upCommand(): Command {
  return new Command("up")
    .description("apply what is missing; harmless to repeat, and by several at once")
    .option("--json", "for scripts")
    .option(...LOCK_TIMEOUT)
    .option(...GIVE_UP_AFTER)
    .addHelpText(
      "after",
      examples("oncebox migrate up", 'oncebox migrate up --lock-timeout "500 ms"'),
    )
    .action(async (options: Patient) => {
      const config = readConfig();
      await inDatabase(async ({ pool, db }) => {
        const applied = await migrate(pool, patienceOf(options));
        if (config.delay !== null) await setDelay(db, config.delay);
        if (options.json) console.log(JSON.stringify({ applied }));
        else if (applied.length === 0)
          console.log("nothing to apply; functions and views are this version's");
        else for (const name of applied) console.log(`applied ${name}`);
      });
    });
}

function downCommand(): Command {
  return new Command("down")
    .description("take the newest migration back; refuses while that would lose something")
    .option("--to <name>", "the migration that is to be the newest afterwards, or none")
    .option("--force", "also while workers are connected")
    .option("--json", "for scripts")
    .option(...LOCK_TIMEOUT)
    .option(...GIVE_UP_AFTER)
    .addHelpText(
      "after",
      `${examples("oncebox migrate down", "oncebox migrate down --to 0002_input_rules")}

public.landing_leads stays as it is. Functions and views are put back by the older version's own
oncebox migrate up.`,
    )
    .action(async (options: Patient & { to?: string; force?: true }) => {
      await inDatabase(async ({ pool }) => {
        const { to, force = false } = options;
        const takenBack = await migrateDown(pool, {
          ...patienceOf(options),
          ...(to === undefined ? {} : { to }),
          force,
        });
        if (options.json) console.log(JSON.stringify({ takenBack }));
        else if (takenBack.length === 0) console.log("nothing to take back");
        else for (const name of takenBack) console.log(`took back ${name}`);
      });
    });
}

function checkCommand(): Command {
  return new Command("check")
    .description("compare the database with what this version expects; exit 1 and each difference")
    .option("--json", "for scripts")
    .addHelpText("after", examples("oncebox migrate check", "oncebox migrate check --json"))
    .action(async ({ json }: { json?: true }) => {
      await inDatabase(async ({ pool, db }) => {
        const { state } = await readSchemaStatus(pool);
        const differences = state === "current" ? await readDrift(pool) : [];
        const rights = state === "current" ? (await readRoles(db)).differences : [];
        const isWell = state === "current" && differences.length + rights.length === 0;
        if (!isWell) process.exitCode = 1;
        if (json) console.log(JSON.stringify({ state, differences, rights }));
        else if (isWell) console.log("the schema is as this version made it");
        else if (state !== "current") console.log(SENTENCE[state]);
        else {
          for (const { what, object } of differences) console.log(`${what} ${object}`);
          for (const sentence of rights) console.log(sentence);
          console.log("functions, views, triggers and rights are put back by oncebox migrate up");
        }
      });
    });
}

async function inDatabase(work: (database: Database) => Promise<void>): Promise<void> {
  await withDatabase(requireDatabaseUrl(readConfig()), "oncebox migrate", work);
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((it) => `  ${it}`).join("\n")}`;
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

/** Migrations with all of their SQL; of the files of sql/, which every migrate runs, a line a statement. */
function printPlan({ state, hasGraphileWorker, parts }: Plan): void {
  console.log(`-- ${SENTENCE[state]}`);
  if (!hasGraphileWorker)
    console.log("-- first of all: graphile-worker's own schema, all of it new");
  for (const part of parts) {
    const workers = part.keepsWorkers
      ? "last release's workers keep working"
      : "last release's workers stop";
    const note =
      part.kind === "migration"
        ? `: ${workers}${part.concurrentIndex === null ? "" : "; not in a transaction"}`
        : "";
    console.log(`\n-- ${part.name}${note}`);
    for (const statement of part.statements) {
      if (part.kind === "behaviour")
        console.log(`--   ${sentenceOf(statement)}: ${firstLineOf(statement.sql)}`);
      else console.log(`-- ${sentenceOf(statement)}\n${statement.sql};`);
    }
  }
  console.log("\n-- oncebox migrate plan --sql prints all of it as one file");
}
