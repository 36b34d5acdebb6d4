import { type Kysely, sql } from "kysely";
import type { NotificationId } from "./notification.ts";

/** The trace in which its lead was registered, as the header `traceparent` writes it; null = it was in none. */
export async function traceOf(
  db: Kysely<unknown>,
  notificationId: NotificationId,
): Promise<string | null> {
  const { rows } = await sql<{ traceparent: string | null }>`
    select oncebox.trace_of(${notificationId}::bigint) as traceparent`.execute(db);
  return rows[0]?.traceparent ?? null;
}
