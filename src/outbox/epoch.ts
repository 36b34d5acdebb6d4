import { type Kysely, sql } from "kysely";
import { fromPostgres } from "../db/errors.ts";
import type { ChannelName } from "./notification.ts";

/** Who did it and why; kept in `oncebox.audit`. */
export interface Decision {
  readonly actor: string;
  readonly reason: string;
}

/**
 * A person says what the database cannot see by itself: that it is a copy, or went back in time.
 * Everything that is due is held.
 *
 * @returns How many were held.
 */
export async function hold(db: Kysely<unknown>, { actor, reason }: Decision): Promise<number> {
  const query = sql<{ held: number }>`select oncebox.hold(${actor}, ${reason}) as held`;
  return (await answered(query.execute(db)))?.held ?? 0;
}

/**
 * A person has compared what is held on a channel with what really went out, or accepts the risk:
 * it is sent.
 *
 * @returns How many were let go.
 */
export async function resume(
  db: Kysely<unknown>,
  channel: ChannelName,
  { actor, reason }: Decision,
): Promise<number> {
  const query = sql<{
    released: number;
  }>`select oncebox.resume(${channel}, ${actor}, ${reason}) as released`;
  return (await answered(query.execute(db)))?.released ?? 0;
}

async function answered<T>(result: Promise<{ rows: T[] }>): Promise<T | undefined> {
  try {
    return (await result).rows[0];
  } catch (error) {
    throw fromPostgres(error);
  }
}
