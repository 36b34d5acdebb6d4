import { type Command, InvalidArgumentError, Option } from "commander";
import type { Kysely } from "kysely";
import { readConfig, requireDatabaseUrl } from "../config.ts";
import { assertSchemaIsCurrent } from "../db/migrate.ts";
import { countPrunable, prune } from "../outbox/prune.ts";
import { inBatches } from "./batches.ts";
import { withDatabase } from "./database.ts";
import { interval } from "./interval.ts";
import type { StopSignal } from "./signals.ts";

interface Options {
  readonly olderThan: number;
  readonly batch: number;
  readonly dryRun?: true;
  readonly json?: true;
}

const DAY_MS = 86_400_000;

export function pruneCommand(command: Command): Command {
  return command
    .addOption(
      new Option("--older-than <interval>", "since they were settled, at least 1 day")
        .argParser(
          // Less would take away what people still ask about.
          interval(
            { leastMs: DAY_MS, mostMs: 36_600 * DAY_MS },
            'of at least 1 day, such as "90 days"',
          ),
        )
        .default(90 * DAY_MS, "90 days"),
    )
    .addOption(
      new Option("--batch <count>", "rows a transaction").argParser(countOf).default(1_000),
    )
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
      const { olderThan, batch } = options;
      await withDatabase(
        requireDatabaseUrl(readConfig()),
        "oncebox prune",
        async ({ pool, db }) => {
          await assertSchemaIsCurrent(pool);
          const found = await countPrunable(db, olderThan);
          if (options.dryRun) return tell(options, "would be removed", found, null);
          const { removed, signal } = await removeAll(db, olderThan, batch, found);
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
  let removed = 0;
  const signal = await inBatches(async () => {
    const count = await prune(db, olderThanMs, batch);
    removed += count;
    if (count > 0) console.error(`${removed} of ${found} notifications`);
    return count > 0;
  });
  return { removed, signal };
}

function tell(
  { json, olderThan, dryRun }: Options,
  what: string,
  notifications: number,
  signal: StopSignal | null,
): void {
  const days = olderThan / DAY_MS;
  if (json) {
    const facts = { olderThanDays: days, dryRun: dryRun === true, notifications, signal };
    console.log(JSON.stringify(facts));
    return;
  }
  console.log(`older than ${days} days: ${notifications} notifications ${what}`);
  if (signal !== null) console.log(`Stopped by ${signal}. The same command does the rest.`);
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("wanted 1 to 99999.");
}
