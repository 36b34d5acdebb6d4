import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Logger } from "../log.ts";
import { noteBalance, takeBalance } from "../outbox/balance.ts";
import type { ChannelName } from "../outbox/notification.ts";
import type { Channel } from "../outbox/outcome.ts";

/** By one of all workers. */
const READ_EVERY_MS = 5 * 60_000;
/** Longer than until the next reading, which makes it longer or ends it. */
const PAUSE_MS = 7 * 60_000;
/** How often each worker asks whether it is its turn. */
const LOOK_EVERY_MS = 30_000;
const TIMEOUT_MS = 30_000;

export interface BalanceDeps {
  readonly db: Kysely<unknown>;
  readonly channels: Readonly<Partial<Record<ChannelName, Channel>>>;
  /** In the account's currency; null = only zero is low. */
  readonly warnBelow: number | null;
  readonly log: Logger;
}

/** Reads what is left on the accounts, every five minutes until the signal says stop. */
export async function runBalance(deps: BalanceDeps, signal: AbortSignal): Promise<void> {
  const names = (Object.keys(deps.channels) as ChannelName[]).filter(
    (it) => deps.channels[it]?.readBalance !== undefined,
  );
  while (!signal.aborted && names.length > 0) {
    try {
      for (const name of names) {
        if (await takeBalance(deps.db, name, READ_EVERY_MS)) await checkBalance(deps, name, signal);
      }
    } catch (error) {
      deps.log.warn({ err: error }, "balance:failed, it is tried again");
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** Reads one account and says what follows. What cannot be read changes nothing. */
export async function checkBalance(
  { db, channels, warnBelow, log }: BalanceDeps,
  channel: ChannelName,
  signal: AbortSignal,
): Promise<void> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const answer = await channels[channel]?.readBalance?.(limited);
  if (answer === undefined || signal.aborted) return;
  if (!answer.ok) {
    const { code, detail, trouble } = answer;
    log.info({ channel, code, detail, trouble }, "balance:not read, it is tried again");
    return;
  }
  const { balance, currency } = answer.value;
  const noted = await noteBalance(db, channel, answer.value, warnBelow, PAUSE_MS);
  const event = { channel, balance, currency };
  if (noted.low) log.warn({ ...event, warnBelow }, "channel:balance_low");
  if (noted.paused) log.warn({ ...event, trouble: "balance", code: "balance" }, "channel:paused");
  if (noted.opened) log.info(event, "channel:opened, there is money again");
}
