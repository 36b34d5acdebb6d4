import { type Kysely, sql } from "kysely";
import type { NotificationId } from "./notification.ts";

/** Gives a notification its job again: a worker will look at it when it is due. */
export async function wake(db: Kysely<unknown>, notificationId: NotificationId): Promise<void> {
  await sql`select oncebox.wake(array[${notificationId}::bigint])`.execute(db);
}

/** Milliseconds until the next notification becomes due, or null when none does within `withinMs`. */
export async function nextDueInMs(db: Kysely<unknown>, withinMs: number): Promise<number | null> {
  const { rows } = await sql<{ ms: number | null }>`
    select (extract(epoch from oncebox.next_due_in(${`${withinMs} milliseconds`}::interval)) * 1000)::float8 as ms`.execute(
    db,
  );
  return rows[0]?.ms ?? null;
}

/** Makes every worker look for jobs now, as graphile-worker's own insert does. */
export async function ring(db: Kysely<unknown>): Promise<void> {
  await sql`select oncebox.ring()`.execute(db);
}
