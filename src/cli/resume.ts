import { userInfo } from "node:os";
import { createInterface } from "node:readline/promises";
import { type Command, Option } from "commander";
import { readConfig, requireDatabaseUrl } from "../config.ts";
import { assertSchemaIsCurrent } from "../db/migrate.ts";
import { OnceboxError } from "../errors.ts";
import { readGuard } from "../inspect/guard.ts";
import { readHealth } from "../inspect/health.ts";
import { hold, resume } from "../outbox/epoch.ts";
import type { ChannelName } from "../outbox/notification.ts";
import { type Database, withDatabase } from "./database.ts";

interface Options {
  readonly reason: string;
  readonly yes?: true;
}

interface ResumeOptions extends Options {
  readonly sms?: true;
  readonly email?: true;
}

export function resumeCommand(command: Command): Command {
  return command
    .addOption(new Option("--sms", "the SMS that are held").conflicts("email"))
    .addOption(new Option("--email", "the emails that are held").conflicts("sms"))
    .requiredOption("--reason <text>", "kept in the audit, for each of them")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      `
It says how many there are and asks first. What went out before is sent a second time: compare first
with what really went out, and take those out one by one (oncebox notifications resolve ID --sent).

Examples:
  oncebox resume --email --reason "the mail server's log of 03:10 to 03:12 has none of them"
  oncebox resume --sms --reason "Mobizon's account was closed, the new one has sent nothing" --yes`,
    )
    .action((options: ResumeOptions) => using((database) => letGo(database, options)));
}

export function holdCommand(command: Command): Command {
  return command
    .requiredOption("--reason <text>", "kept in the audit, for each of them")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      `
A failover, a recovery to a point in time, a dump or a clone is noticed without you. Cold copies of
the files and snapshots of a disk or a virtual machine are not: after putting one back, run this
before the first worker starts.

Example:
  oncebox hold --reason "yesterday's disk snapshot was put back"`,
    )
    .action((options: Options) => using((database) => holdDue(database, options)));
}

async function letGo({ db }: Database, options: ResumeOptions): Promise<void> {
  const channel = channelOf(options);
  const { count, oldestDueAt } = (await readGuard(db))[channel];
  if (count === 0 || oldestDueAt === null) {
    console.log(`nothing is held on ${channel}`);
    return;
  }
  console.log(`${count} held on ${channel}, the oldest was due ${oldestDueAt.toISOString()}`);
  if (channel === "sms") {
    console.log("oncebox compares them with Mobizon's record by itself; this does not wait for it");
  }
  if (!(await isMeant("Send them all?", options))) return;
  const released = await resume(db, channel, actOf(options));
  console.log(`${released} let go, workers send them now`);
}

async function holdDue({ db }: Database, options: Options): Promise<void> {
  const { due, workers } = await readHealth(db);
  console.log(`${due} due`);
  if (workers > 0) {
    console.log(`${workers} workers are alive: what they have sent by now cannot be held any more`);
  }
  if (!(await isMeant("Hold what is due?", options))) return;
  const held = await hold(db, actOf(options));
  console.log(
    `${held} held: SMS until Mobizon's record was compared, emails until oncebox resume --email`,
  );
}

function channelOf({ sms, email }: ResumeOptions): ChannelName {
  if (sms) return "sms";
  if (email) return "email";
  throw new OnceboxError("ONCEBOX_INPUT_INVALID", "got neither --sms nor --email, wanted one", {
    hint: "See with oncebox doctor what is held.",
  });
}

/** Asks the person at the terminal; a script has to say it in advance. */
async function isMeant(question: string, { yes }: Options): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY) {
    throw new OnceboxError("ONCEBOX_INPUT_INVALID", "nobody is there to confirm, wanted --yes", {
      hint: "Add --yes if it is meant, or run it in a terminal.",
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`${question} (yes/no) `);
  terminal.close();
  if (answer.trim().toLowerCase() === "yes") return true;
  console.log("nothing was changed");
  return false;
}

function actOf({ reason }: Options): { actor: string; reason: string } {
  if (reason.trim() === "" || reason.length > 2_000) {
    throw new OnceboxError(
      "ONCEBOX_INPUT_INVALID",
      `--reason has ${reason.length} characters, wanted 1 to 2000`,
      { hint: "Say in a sentence what was compared, or what happened." },
    );
  }
  return { actor: userInfo().username, reason };
}

async function using(work: (database: Database) => Promise<void>): Promise<void> {
  await withDatabase(requireDatabaseUrl(readConfig()), "oncebox resume", async (database) => {
    await assertSchemaIsCurrent(database.pool);
    await work(database);
  });
}
