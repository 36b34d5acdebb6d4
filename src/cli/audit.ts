import Table from "cli-table3";
import { type Command, Option } from "commander";
import { readConfig, requireDatabaseUrl } from "../config.ts";
import { assertSchemaIsCurrent } from "../db/migrate.ts";
import { OnceboxError } from "../errors.ts";
import { compare, type Difference, judgeMissing } from "../inspect/audit.ts";
import { findByReference, listSentSms, readScope } from "../inspect/audited.ts";
import type { Channel, ProviderRecord } from "../outbox/outcome.ts";
import { createChannels } from "../worker.ts";
import { type Database, withDatabase } from "./database.ts";
import { interval } from "./interval.ts";

interface Options {
  /** Milliseconds. */
  readonly since: number;
  readonly json?: true;
}

/** A campaign may be made long before it is sent off, and the zone of the provider's clock is not known. */
const MARGIN_MS = 26 * 3_600_000;

const DAY_MS = 24 * 3_600_000;

export function auditCommand(command: Command): Command {
  return command
    .addOption(
      new Option("--since <time>", "how far back, as 90m, 24h or 7d")
        .argParser(interval({ mostMs: 366 * DAY_MS }, "such as 90m, 24h or 7d, at most 366 days"))
        .default(DAY_MS, "24h"),
    )
    .option("--json", "for scripts")
    .addHelpText(
      "after",
      `
It finds SMS that Mobizon sent and we do not have as sent, SMS that we have as sent and Mobizon
does not, and two for one notification. Only campaigns named by this database count. It changes
nothing, here and there. MOBIZON_API_KEY and DATABASE_URL as for a worker.

Examples:
  oncebox audit --since 24h
  oncebox audit --since 7d --json | jq '.differences[] | .kind'`,
    )
    .action(run);
}

interface Result {
  /** By the database's clock. */
  readonly since: Date;
  /** SMS that we have as sent since then. */
  readonly sentHere: number;
  /** Campaigns of ours on the provider's list that went out. */
  readonly sentThere: number;
  readonly differences: readonly Difference[];
}

async function run({ since, json }: Options): Promise<void> {
  const config = readConfig();
  const databaseUrl = requireDatabaseUrl(config);
  const { sms } = await createChannels({ ...config, smtp: null });
  if (sms === undefined) {
    throw new OnceboxError("ONCEBOX_CONFIG_INVALID", "MOBIZON_API_KEY is not set", {
      hint: "Set it as for the workers: the record of that account is compared.",
    });
  }
  try {
    const result = await withDatabase(databaseUrl, "oncebox audit", async (database) => {
      await assertSchemaIsCurrent(database.pool);
      return await audit(database, sms, since);
    });
    if (json) console.log(JSON.stringify(result));
    else console.log(textOf(result));
    if (result.differences.length > 0) process.exitCode = 1;
  } finally {
    await sms.close();
  }
}

/** Ours, then theirs, then ours again: what is sent meanwhile is no difference. */
async function audit({ db }: Database, sms: Channel, sinceMs: number): Promise<Result> {
  const { prefix, now, prunedUntil } = await readScope(db);
  const since = new Date(now.getTime() - sinceMs);
  assertNotPruned(since, prunedUntil);
  const progress = showProgress();
  const { signal } = new AbortController();

  const sent = await listSentSms(db, since);
  const listed =
    (await sms.readRecord?.(
      {
        prefix,
        since: new Date(since.getTime() - MARGIN_MS),
        onProgress: ({ read, total }) => progress.tell(`Mobizon: ${read} of ${total} campaigns`),
      },
      signal,
    )) ?? [];
  const known = await findByReference(
    db,
    prefix,
    listed.map((it) => it.reference),
  );
  const { differences, missing } = compare(listed, known, sent);

  const more: Difference[] = [];
  for (const [index, ours] of missing.entries()) {
    progress.tell(`Mobizon: ${index + 1} of ${missing.length} that its list does not have`);
    let record: ProviderRecord | null = null;
    if (ours.campaignId !== null)
      record = (await sms.findRecord?.(ours.campaignId, signal)) ?? null;
    more.push(...judgeMissing(ours, record));
  }
  progress.end();
  return {
    since,
    sentHere: sent.length,
    sentThere: listed.filter((it) => it.standing === "sent").length,
    differences: [...differences, ...more],
  };
}

/** What was pruned would be taken for unknown: twice the margin, as the list is read by a clock of any zone. */
function assertNotPruned(since: Date, prunedUntil: Date | null): void {
  if (prunedUntil === null || prunedUntil.getTime() <= since.getTime() - 2 * MARGIN_MS) return;
  throw new OnceboxError(
    "ONCEBOX_INPUT_INVALID",
    `--since reaches back to ${since.toISOString()}, and notifications from before ${prunedUntil.toISOString()} were pruned`,
    { hint: "Audit a shorter time, or prune later: keep three days more than you audit." },
  );
}

function textOf({ since, sentHere, sentThere, differences }: Result): string {
  const counts =
    `${sentHere} SMS sent since ${since.toISOString()} by our record; ` +
    `${sentThere} campaigns of ours on Mobizon's list, which was read from a day earlier on`;
  if (differences.length === 0) return `${counts}\nno difference`;
  const table = new Table({
    head: ["difference", "notification", "campaigns", "means", "what to do"],
    style: { head: [], border: [] },
    colWidths: [26, 14, 14, 40, 30],
    wordWrap: true,
  });
  for (const it of differences) {
    table.push([
      it.kind.replaceAll("_", " "),
      it.notificationId ?? it.reference,
      it.campaignIds.join(" "),
      it.means,
      it.remedy,
    ]);
  }
  return `${counts}\n${table}\n${differences.length} difference${differences.length === 1 ? "" : "s"}`;
}

/** To standard error: one line that is written over on a terminal, elsewhere one every two seconds. */
function showProgress(): { tell(line: string): void; end(): void } {
  const { isTTY } = process.stderr;
  const everyMs = isTTY ? 200 : 2_000;
  let next = performance.now() + everyMs;
  return {
    tell(line) {
      if (performance.now() < next) return;
      next = performance.now() + everyMs;
      process.stderr.write(isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
    },
    end() {
      if (isTTY) process.stderr.write("\r\u001b[2K");
    },
  };
}
