import { type Kysely, sql } from "kysely";
import type { ChannelName } from "./notification.ts";
import type { Balance } from "./outcome.ts";

/** What changed by a reading of the balance. */
export interface BalanceNoted {
  /** It went below the threshold, or to zero, just now. */
  readonly low: boolean;
  readonly paused: boolean;
  readonly opened: boolean;
}

/** Whether the caller is to read the balance now: one of all workers in each interval is. */
export async function takeBalance(
  db: Kysely<unknown>,
  channel: ChannelName,
  everyMs: number,
): Promise<boolean> {
  const { rows } = await sql<{ taken: boolean }>`
    select oncebox.take_balance(${channel}, ${`${everyMs} milliseconds`}::interval) as taken`.execute(
    db,
  );
  return rows[0]?.taken === true;
}

/**
 * Writes down what is left on the account; pauses the channel at zero, and opens it again when there is money.
 *
 * @param warnBelow - In the account's currency; null = only zero is low.
 */
export async function noteBalance(
  db: Kysely<unknown>,
  channel: ChannelName,
  { balance, currency }: Balance,
  warnBelow: number | null,
  pauseMs: number,
): Promise<BalanceNoted> {
  const { rows } = await sql<BalanceNoted>`
    select * from oncebox.note_balance(
      ${channel}, ${balance}::numeric, ${currency}, ${warnBelow}::numeric,
      ${`${pauseMs} milliseconds`}::interval)`.execute(db);
  const [noted] = rows;
  if (noted === undefined) throw new TypeError("oncebox.note_balance answered no row");
  return noted;
}
