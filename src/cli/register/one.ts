import type pg from "pg";
import { CODE_OF_SQLSTATE } from "../../db/errors.ts";
import { assertSchemaIsCurrent } from "../../db/migrate.ts";
import { OnceboxError } from "../../errors.ts";
import { listNotifications, type NotificationView } from "../../inspect/notifications.ts";
import { registerCommitted } from "../../outbox/commit.ts";
import type { LeadRecord } from "../../outbox/lead.ts";
import type { Registered } from "../../outbox/register.ts";
import { withDatabase } from "../database.ts";
import { takeConnection } from "./connection.ts";
import { printable, printableJson } from "./printable.ts";
import type { Terminal } from "./report.ts";

interface OneSettings {
  readonly lead: LeadRecord;
  readonly isJson: boolean;
  readonly databaseUrl: string;
}

/** More than one lead can have. */
const MAX_NOTIFICATIONS = 10;

/**
 * Registers one lead and shows what it will get.
 *
 * @throws OnceboxError as `registerLead` does.
 */
export async function registerOne(
  { lead, isJson, databaseUrl }: OneSettings,
  stdout: Terminal,
): Promise<void> {
  await withDatabase(databaseUrl, "oncebox register", async ({ pool, db }) => {
    await assertSchemaIsCurrent(pool);
    const registered = await register(pool, lead);
    const { leadId } = registered;
    const notifications = await listNotifications(db, { leadId, limit: MAX_NOTIFICATIONS });
    notifications.reverse(); // the oldest first: sms, then email
    stdout.write(
      isJson
        ? `${printableJson({ ...registered, notifications: notifications.map(toJson) })}\n`
        : toText(registered, notifications),
    );
  });
}

async function register(pool: pg.Pool, lead: LeadRecord): Promise<Registered> {
  await using connection = await takeConnection(pool);
  const [result] = await registerCommitted(connection.client, [lead]).catch((error: unknown) => {
    throw connection.explain(
      error,
      "It may or may not be registered. With an --idempotency-key, running the same command again is harmless.",
    );
  });
  if (result === undefined) throw new TypeError("a lead was registered without a result");
  if (result.refusal === null) return { leadId: result.leadId, created: result.created };
  const { code, message, hint } = result.refusal;
  throw new OnceboxError(CODE_OF_SQLSTATE[code] ?? "ONCEBOX_LEAD_INVALID", message, { hint });
}

function toText(
  { leadId, created }: Registered,
  notifications: readonly NotificationView[],
): string {
  const fate = created ? "created" : "recognised: the same key came before with the same content";
  const lines = notifications.map(
    ({ channel, recipient, state, dueAt }) =>
      `  ${channel.padEnd(5)} to ${recipient}: ${state === "pending" ? dueText(dueAt) : state}`,
  );
  return `${[`lead ${leadId} ${fate}`, ...lines].map(printable).join("\n")}\n`;
}

function dueText(dueAt: Date): string {
  return dueAt.getTime() <= Date.now() ? "due now" : `due at ${dueAt.toISOString()}`;
}

function toJson({ id, channel, kind, recipient, state, dueAt }: NotificationView): object {
  return { id, channel, kind, recipient, state, dueAt };
}
