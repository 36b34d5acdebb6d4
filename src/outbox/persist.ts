import { setTimeout as sleep } from "node:timers/promises";
import { mayPass } from "../db/errors.ts";

/**
 * Asks again, on another connection, until there is an answer: a connection that broke around a
 * commit says nothing about whether it took effect, and the database does. Only for statements that
 * answer the same when they are repeated.
 *
 * @param forMs - Gives up after so long, with the last error.
 */
export async function persist<T>(forMs: number, ask: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + forMs;
  for (let round = 0; ; round++) {
    try {
      return await ask();
    } catch (error) {
      const pauseMs = Math.min(50 * 2 ** round, 2_000) * (0.5 + Math.random());
      if (!mayPass(error) || performance.now() + pauseMs > giveUpAt) throw error;
      await sleep(pauseMs);
    }
  }
}
