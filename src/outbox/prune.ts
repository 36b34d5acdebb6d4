import { type Kysely, sql } from "kysely";

/** How many notifications `prune` would remove. Reads only. */
export async function countPrunable(db: Kysely<unknown>, olderThanMs: number): Promise<number> {
  const { rows } = await sql<{ count: string }>`
    select oncebox.prunable(${milliseconds(olderThanMs)}::interval) as count`.execute(db);
  return Number(rows[0]?.count ?? 0);
}

/**
 * Removes one batch of final notifications that were settled longer ago than that, in a transaction of
 * its own; never an unsent or unknown one. Call it until it answers 0. See `sql/functions/prune.sql`.
 *
 * @returns How many.
 */
export async function prune(
  db: Kysely<unknown>,
  olderThanMs: number,
  atMost: number,
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select oncebox.prune(${milliseconds(olderThanMs)}::interval, ${atMost}::integer) as count`.execute(
    db,
  );
  return rows[0]?.count ?? 0;
}

function milliseconds(value: number): string {
  return `${value} milliseconds`;
}
