import { type Kysely, sql } from "kysely";
import { refusable } from "../db/errors.ts";
import type { NotificationId } from "./notification.ts";

/** Who did it and why; kept in `oncebox.audit`. */
export interface Act {
  readonly notificationId: NotificationId;
  readonly actor: string;
  readonly reason: string;
}

/**
 * Takes back a notification that was not sent yet.
 *
 * @throws OnceboxError `ONCEBOX_NOT_FOUND`, `ONCEBOX_MOVE_REFUSED` (it was claimed, or is final).
 */
export async function cancel(
  db: Kysely<unknown>,
  { notificationId, actor, reason }: Act,
): Promise<void> {
  await refusable(
    sql`select oncebox.cancel(${notificationId}::bigint, ${actor}, ${reason})`.execute(db),
  );
}

/**
 * Makes a pending notification due now instead of after its backoff.
 *
 * @throws OnceboxError `ONCEBOX_NOT_FOUND`, `ONCEBOX_MOVE_REFUSED` (it is not pending).
 */
export async function retry(
  db: Kysely<unknown>,
  { notificationId, actor, reason }: Act,
): Promise<void> {
  await refusable(
    sql`select oncebox.retry(${notificationId}::bigint, ${actor}, ${reason})`.execute(db),
  );
}

/**
 * Decides an outcome in doubt: it went out (`sent`), it did not and shall not (`failed`), it
 * provably did not and shall (`pending`).
 *
 * @throws OnceboxError `ONCEBOX_NOT_FOUND`, `ONCEBOX_MOVE_REFUSED` (it is not unknown).
 */
export async function resolve(
  db: Kysely<unknown>,
  { notificationId, actor, reason }: Act,
  state: "sent" | "failed" | "pending",
): Promise<void> {
  await refusable(
    sql`select oncebox.resolve(${notificationId}::bigint, ${state}, ${actor}, ${reason})`.execute(
      db,
    ),
  );
}
