import { setTimeout as sleep } from "node:timers/promises";

/** Waits until the condition answers something truthy, and answers that; the deadline only catches a hang. */
export async function until<T>(
  what: string,
  condition: () => Promise<T> | T,
  deadlineMs = 45_000,
): Promise<NonNullable<T>> {
  const giveUpAt = Date.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > giveUpAt) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await sleep(20);
  }
}
