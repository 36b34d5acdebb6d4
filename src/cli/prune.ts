import { Command } from "commander";
import type { Kysely } from "kysely";
import { parseIntervalMs, readConfig, requireDatabaseUrl } from "../config.ts";
import { assertSchemaIsCurrent } from "../db/migrate.ts";
import { OnceboxError } from "../errors.ts";
import { countPrunable, prune } from "../outbox/prune.ts";
import { withDatabase } from "./database.ts";
import { EXIT_CODE, onStopSignal, type StopSignal } from "./signals.ts";

interface Options {
  readonly olderThan: string;
  readonly batch: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/** Less would take away what people still ask about. */
const LEAST_MS = 86_400_000;

export function pruneCommand(): Command {
  return new Command("prune")
    .description("remove old final notifications; never an unsent or unknown one")
    .option("--older-than <interval>", "since they were settled, at least 1 day", "90 days")
    .option("--batch <count>", "rows a transaction", "1000")
    .option("--dry-run", "only count")
    .option("--json", "for scripts")
    .addHelpText(
      "after",
      `
Goes: sent, failed and cancelled notifications with their attempts, texts and data. Stays: public.landing_leads
with its flags, idempotency keys, what people did, what was erased. So nothing is sent a second time.

Ctrl-C ends after the transaction that is under way. With ONCEBOX_KEEP set, workers do it every night.

Examples:
  oncebox prune --dry-run
  oncebox prune --older-than "180 days" --json`,
    )
    .action(async (options: Options) => {
      const olderThanMs = olderThanOf(options);
      const batch = batchOf(options);
      await withDatabase(
        requireDatabaseUrl(readConfig()),
        "oncebox prune",
        async ({ pool, db }) => {
          await assertSchemaIsCurrent(pool);
          const found = await countPrunable(db, olderThanMs);
          if (options.dryRun) return tell(options, "would be removed", found, null);
          const { removed, signal } = await removeAll(db, olderThanMs, batch, found);
          if (signal !== null) process.exitCode = EXIT_CODE[signal];
          tell(options, "removed", removed, signal);
        },
      );
    });
}

async function removeAll(
  db: Kysely<unknown>,
  olderThanMs: number,
  batch: number,
  found: number,
): Promise<{ readonly removed: number; readonly signal: StopSignal | null }> {
  let stoppedBy: StopSignal | null = null;
  const signals = onStopSignal((signal) => {
    stoppedBy ??= signal;
    console.error("stopping after the transaction that is under way");
  });
  let removed = 0;
  try {
    while (stoppedBy === null) {
      const count = await prune(db, olderThanMs, batch);
      if (count === 0) break;
      removed += count;
      console.error(`${removed} of ${found} notifications`);
    }
  } finally {
    signals.dispose();
  }
  return { removed, signal: stoppedBy };
}

function tell(
  { json, olderThan, dryRun }: Options,
  what: string,
  notifications: number,
  signal: StopSignal | null,
): void {
  if (json) {
    console.log(JSON.stringify({ olderThan, dryRun: dryRun === true, notifications, signal }));
    return;
  }
  console.log(`older than ${olderThan}: ${notifications} notifications ${what}`);
  if (signal !== null) console.log(`Stopped by ${signal}. The same command does the rest.`);
}

function olderThanOf({ olderThan }: Options): number {
  const ms = parseIntervalMs(olderThan);
  if (ms !== null && ms >= LEAST_MS) return ms;
  throw invalid("--older-than", olderThan, 'an interval of at least 1 day, such as "90 days"');
}

function batchOf({ batch }: Options): number {
  if (/^[1-9]\d{0,4}$/.test(batch)) return Number(batch);
  throw invalid("--batch", batch, "1 to 99999");
}

function invalid(option: string, got: string, wanted: string): OnceboxError {
  return new OnceboxError(
    "ONCEBOX_INPUT_INVALID",
    `${option} is ${JSON.stringify(got)}, wanted ${wanted}`,
    { hint: "See oncebox prune --help." },
  );
}
