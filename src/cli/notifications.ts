import { userInfo } from "node:os";
import Table from "cli-table3";
import { Argument, type Command, Option } from "commander";
import { readConfig, requireDatabaseUrl } from "../config.ts";
import { OnceboxError } from "../errors.ts";
import {
  type AttemptView,
  DELIVERIES,
  findNotification,
  listNotifications,
  type NotificationView,
} from "../inspect/notifications.ts";
import {
  CHANNELS,
  type ChannelName,
  type NotificationId,
  parseNotificationId,
  STATES,
  type State,
} from "../outbox/notification.ts";
import { type Act, cancel, resolve, retry } from "../outbox/person.ts";
import { type Database, withDatabase } from "./database.ts";

interface ListOptions {
  readonly state?: State;
  readonly channel?: ChannelName;
  readonly lead?: string;
  readonly delivery?: string;
  readonly held?: true;
  readonly limit: string;
  readonly json?: true;
}

export function notificationsCommand(command: Command): Command {
  command.addHelpText(
    "after",
    `
Examples:
  oncebox notifications list --state unknown
  oncebox notifications list --delivery undelivered
  oncebox notifications list --lead 5f0c1a52-3c59-4d0e-9a53-0f0c1a523c59
  oncebox notifications show 1042
  oncebox notifications cancel 1042 --reason "asked by phone not to be written to"
  oncebox notifications resolve 1042 --sent --reason "seen in Mobizon's own list"`,
  );
  command
    .command("list")
    .description("the newest first, recipients masked")
    .addOption(new Option("--state <state>").choices(STATES))
    .addOption(new Option("--channel <channel>").choices(CHANNELS))
    .option("--lead <id>", "of one lead")
    .addOption(
      new Option(
        "--delivery <delivery>",
        "how far an SMS got; undelivered: all that did not arrive",
      ).choices(DELIVERIES),
    )
    .option("--held", "that wait for a comparison, after a failover, a restore or a copy")
    .option("--limit <count>", "at most so many", "50")
    .option("--json", "for scripts")
    .action((options: ListOptions) => using((database) => list(database, options)));
  command
    .command("show")
    .description("one notification and every attempt")
    .addArgument(idArgument())
    .option("--json", "for scripts")
    .action((id: NotificationId, { json }: { json?: true }) =>
      using((database) => show(database, id, json === true)),
    );
  command
    .command("cancel")
    .description("take back one that is still pending")
    .addArgument(idArgument())
    .requiredOption("--reason <text>", "kept in the audit")
    .action((id: NotificationId, { reason }: { reason: string }) =>
      using(async ({ db }) => {
        await cancel(db, actOf(id, reason));
        console.log(`notification ${id} is cancelled`);
      }),
    );
  command
    .command("retry")
    .description("send one that waits for its next try now")
    .addArgument(idArgument())
    .requiredOption("--reason <text>", "kept in the audit")
    .action((id: NotificationId, { reason }: { reason: string }) =>
      using(async ({ db }) => {
        await retry(db, actOf(id, reason));
        console.log(`notification ${id} is due now`);
      }),
    );
  command
    .command("resolve")
    .description("decide an outcome in doubt, once you have looked at the provider's own record")
    .addArgument(idArgument())
    .addOption(new Option("--sent", "it went out").conflicts(["notSent", "sendAgain"]))
    .addOption(
      new Option("--not-sent", "it did not, and shall not").conflicts(["sent", "sendAgain"]),
    )
    .addOption(
      new Option("--send-again", "it provably did not, and shall").conflicts(["sent", "notSent"]),
    )
    .requiredOption("--reason <text>", "kept in the audit")
    .action((id: NotificationId, options: ResolveOptions) =>
      using(async ({ db }) => {
        const state = stateOf(options);
        await resolve(db, actOf(id, options.reason), state);
        console.log(`notification ${id} is ${state}`);
      }),
    );
  return command;
}

interface ResolveOptions {
  readonly sent?: true;
  readonly notSent?: true;
  readonly sendAgain?: true;
  readonly reason: string;
}

function stateOf({ sent, notSent, sendAgain }: ResolveOptions): "sent" | "failed" | "pending" {
  if (sent) return "sent";
  if (notSent) return "failed";
  if (sendAgain) return "pending";
  throw new OnceboxError(
    "ONCEBOX_INPUT_INVALID",
    "got none of --sent, --not-sent and --send-again, wanted one",
    {
      hint: "Say what the provider's record shows.",
    },
  );
}

async function using(work: (database: Database) => Promise<void>): Promise<void> {
  await withDatabase(requireDatabaseUrl(readConfig()), "oncebox notifications", work);
}

async function list(
  { db }: Database,
  { state, channel, lead, delivery, held, limit, json }: ListOptions,
): Promise<void> {
  if (lead !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(lead)) {
    throw new OnceboxError(
      "ONCEBOX_INPUT_INVALID",
      `--lead is ${JSON.stringify(lead)}, wanted a lead's id`,
      {
        hint: "It is the uuid that register printed.",
      },
    );
  }
  if (!/^[1-9]\d{0,4}$/.test(limit)) {
    throw new OnceboxError(
      "ONCEBOX_INPUT_INVALID",
      `--limit is ${JSON.stringify(limit)}, wanted 1 to 99999`,
      {
        hint: "Ask for fewer, or leave it out for 50.",
      },
    );
  }
  const rows = await listNotifications(db, {
    state,
    channel,
    leadId: lead,
    delivery,
    held,
    limit: Number(limit),
  });
  if (json) console.log(JSON.stringify(rows));
  else if (rows.length === 0) console.log("none");
  else console.log(tableOf(rows));
}

async function show({ db }: Database, id: NotificationId, json: boolean): Promise<void> {
  const notification = await findNotification(db, id);
  if (notification === null) {
    throw new OnceboxError("ONCEBOX_NOT_FOUND", `there is no notification ${id}`, {
      hint: "Look it up with oncebox notifications list.",
    });
  }
  const { attempts, lookups } = notification;
  if (json) {
    console.log(JSON.stringify(notification));
    return;
  }
  console.log(tableOf([notification]));
  console.log(`lead ${notification.leadId}, kind ${notification.kind}`);
  if (notification.campaignId !== null) console.log(`Mobizon campaign ${notification.campaignId}`);
  if (notification.providerRef !== null) console.log(`provider's id ${notification.providerRef}`);
  for (const attempt of attempts) console.log(sentenceOf(attempt));
  for (const line of deliveryOf(notification)) console.log(line);
  for (const it of lookups) {
    const detail = it.detail === null ? "" : ` (${it.detail})`;
    console.log(
      `asked the provider after attempt ${it.attempt}, ${it.at.toISOString()}: ${it.finding}, so ${it.verdict}${detail}`,
    );
  }
}

function tableOf(rows: readonly NotificationView[]): string {
  const table = new Table({
    head: ["id", "channel", "recipient", "state", "reason", "attempt", "due", "settled"],
    style: { head: [], border: [] },
  });
  for (const it of rows) {
    table.push([
      it.id,
      it.channel,
      it.recipient,
      stateOfView(it),
      it.stateReason ?? "",
      it.attempt,
      it.dueAt.toISOString(),
      it.settledAt?.toISOString() ?? "",
    ]);
  }
  return table.toString();
}

function stateOfView({ state, isHeld, delivery, hasNoReport }: NotificationView): string {
  if (isHeld) return `${state} (held)`;
  const facts = [delivery, hasNoReport ? "no report" : null].filter((it) => it !== null);
  return facts.length === 0 ? state : `${state} (${facts.join(", ")})`;
}

/** How far an SMS got, and what it cost. */
function deliveryOf(it: NotificationView): string[] {
  const why = it.deliveryDetail === null ? "" : ` (${it.deliveryDetail})`;
  const next =
    it.deliveryLookAt === null ? "" : `, asked again at ${it.deliveryLookAt.toISOString()}`;
  return [
    ...(it.delivery === null
      ? []
      : [`delivery ${it.delivery}, known since ${it.deliveryAt?.toISOString()}${why}${next}`]),
    ...(it.hasNoReport ? ["the provider never said how it ended, and is asked no more"] : []),
    ...(it.segments === null
      ? []
      : [`parts ${it.segments}${it.cost === null ? "" : `, cost ${Number(it.cost)}`}`]),
  ];
}

function sentenceOf(it: AttemptView): string {
  const what =
    it.outcome ?? (it.sendingAt === null ? "under way, nothing irreversible yet" : "under way");
  const why = [it.code, it.detail].filter((text) => text !== null).join(": ");
  const when = `${it.startedAt.toISOString()} to ${it.endedAt?.toISOString() ?? "now"}`;
  return `attempt ${it.attempt}, ${when}: ${what}${why === "" ? "" : ` (${why})`}`;
}

function idArgument(): Argument {
  return new Argument("<id>", "the notification's id, such as 1042").argParser((text) => {
    try {
      return parseNotificationId(text);
    } catch (error) {
      throw new OnceboxError("ONCEBOX_INPUT_INVALID", (error as Error).message, {
        hint: "Find it with oncebox notifications list.",
      });
    }
  });
}

function actOf(notificationId: NotificationId, reason: string): Act {
  return { notificationId, actor: userInfo().username, reason };
}
