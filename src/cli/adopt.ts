import { userInfo } from "node:os";
import Table from "cli-table3";
import { type Command, Option } from "commander";
import type { Kysely } from "kysely";
import { readConfig, requireDatabaseUrl } from "../config.ts";
import { assertSchemaIsCurrent } from "../db/migrate.ts";
import { OnceboxError } from "../errors.ts";
import {
  type Adoptable,
  type AdoptionWindow,
  readAdoptable,
  readTime,
  readWindow,
  VERDICTS,
} from "../inspect/adoptable.ts";
import { type Adopted, adoptLeads } from "../outbox/adopt.ts";
import { CHANNELS, type ChannelName } from "../outbox/notification.ts";
import { inBatches } from "./batches.ts";
import { type Database, withDatabase } from "./database.ts";
import type { StopSignal } from "./signals.ts";

interface Options {
  readonly since: string;
  readonly kind: string;
  readonly channel?: ChannelName;
  readonly limit: string;
  readonly due?: string;
  readonly apply?: true;
  readonly json?: true;
}

/** Leads a transaction: short enough that nobody waits, and that Ctrl-C is answered at once. */
const BATCH = 200;

export function adoptCommand(command: Command): Command {
  return command
    .requiredOption("--since <time>", 'leads that came in since then: "2 days", "24h" or a time')
    .option("--kind <kind>", "whose templates they get", "proftest")
    .addOption(new Option("--channel <channel>", "one of the two only").choices(CHANNELS))
    .option("--limit <count>", "refuse to take over more leads than that", "1000")
    .option(
      "--due <time>",
      "now, or a time (default: as if registered, and no sooner than in 2 minutes)",
    )
    .option("--apply", "do it")
    .option("--json", "for scripts")
    .addHelpText(
      "after",
      `
Stop the old senders first: what one of them is sending right now has no flag yet. Never taken over is
a lead whose flag or time of sending is set, one that is in the outbox already, and one that has no
created_at. Whoever sets a flag before oncebox sends keeps it (already_sent). Every act is audited.

Safe to repeat: Ctrl-C ends after the transaction that is under way, and the next run does the rest.

Examples:
  oncebox adopt --since "2 days"
  oncebox adopt --since "2 days" --apply
  oncebox adopt --since "2026-01-31 18:00+05" --channel sms --limit 5000 --due now --apply --json`,
    )
    .action(async (options: Options) => {
      await withDatabase(requireDatabaseUrl(readConfig()), "oncebox adopt", async (database) => {
        await assertSchemaIsCurrent(database.pool);
        await adopt(database, options);
      });
    });
}

async function adopt({ db }: Database, options: Options): Promise<void> {
  const limit = limitOf(options);
  const window = await windowOf(db, options);
  const dueAt = options.due === undefined ? null : await dueOf(db, options.due);
  const found = await readAdoptable(db, window);
  if (!options.json) printFound(found, window);
  if (options.apply && found.leads > limit) {
    throw new OnceboxError(
      "ONCEBOX_MOVE_REFUSED",
      `${found.leads} leads would be taken over, --limit is ${limit}; nothing was changed`,
      { hint: "Name a later --since, or a higher --limit if so many are meant." },
    );
  }
  if (!options.apply) {
    if (options.json) print({ applied: false, ...window, limit, dueAt, ...found });
    else if (found.leads > limit) console.log(`--apply would refuse: --limit is ${limit}`);
    else if (found.leads > 0) console.log("nothing was changed; add --apply to take them over");
    return;
  }
  const { signal, ...taken } = await takeOver(found.leads, (atMost) =>
    adoptLeads(db, { ...window, dueAt, atMost, actor: userInfo().username }),
  );
  if (options.json) print({ applied: true, ...window, limit, dueAt, ...taken, signal });
  else {
    console.log(`taken over: ${taken.leads} leads, ${taken.notifications} notifications`);
    if (signal !== null) console.log(`Stopped by ${signal}. The same command does the rest.`);
  }
}

/** Batch by batch, until there are no more, the count is reached, or a signal comes. */
async function takeOver(
  count: number,
  take: (atMost: number) => Promise<Adopted>,
): Promise<Adopted & { readonly signal: StopSignal | null }> {
  const taken = { leads: 0, notifications: 0 };
  const signal = await inBatches(async () => {
    if (taken.leads >= count) return false;
    const { leads, notifications } = await take(Math.min(BATCH, count - taken.leads));
    taken.leads += leads;
    taken.notifications += notifications;
    if (leads > 0) console.error(`${taken.leads} of ${count} leads`);
    return leads > 0;
  });
  return { ...taken, signal };
}

function printFound({ leads, counts, examples }: Adoptable, window: AdoptionWindow): void {
  console.log(`leads that came in from ${window.since} to ${window.until}`);
  const table = new Table({ head: ["", ...window.channels], style: { head: [], border: [] } });
  for (const verdict of VERDICTS) {
    table.push([SENTENCE[verdict], ...window.channels.map((it) => counts[it][verdict])]);
  }
  console.log(table.toString());
  for (const { leadId, createdAt, channel, recipient } of examples) {
    console.log(`${createdAt.toISOString()}  ${channel.padEnd(5)}  ${recipient}  lead ${leadId}`);
  }
  console.log(`${leads} leads ${leads > examples.length ? "in all " : ""}to take over`);
}

const SENTENCE: Readonly<Record<(typeof VERDICTS)[number], string>> = {
  adopt: "to take over",
  has_row: "in the outbox already",
  pruned: "before the last prune",
  already_sent: "sent already",
  no_recipient: "no phone, no address",
  bad_recipient: "none that a message reaches",
  no_template: "no template of this kind",
  variable_missing: "the template needs more than a name",
};

async function windowOf(
  db: Kysely<unknown>,
  { since: text, kind, channel }: Options,
): Promise<AdoptionWindow> {
  const { since, until } = await readWindow(db, text);
  if (since === null) throw invalid("--since", text, 'an interval such as "2 days", or a time');
  return { since, until, kind, channels: channel === undefined ? CHANNELS : [channel] };
}

async function dueOf(db: Kysely<unknown>, text: string): Promise<string> {
  const at = await readTime(db, text);
  if (at === null) throw invalid("--due", text, 'now, or a time such as "2026-01-31 18:00+05"');
  return at;
}

function limitOf({ limit }: Options): number {
  if (!/^[1-9]\d{0,6}$/.test(limit)) throw invalid("--limit", limit, "1 to 9999999");
  return Number(limit);
}

function invalid(option: string, got: string, wanted: string): OnceboxError {
  return new OnceboxError(
    "ONCEBOX_INPUT_INVALID",
    `${option} is ${JSON.stringify(got)}, wanted ${wanted}`,
    { hint: "See oncebox adopt --help." },
  );
}

function print(value: object): void {
  console.log(JSON.stringify(value));
}
