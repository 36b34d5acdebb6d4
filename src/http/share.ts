import { setTimeout as sleep } from "node:timers/promises";

/**
 * However many ask: it is read once, and again at the earliest so long after that was done. Whoever asks
 * while it is read waits for that.
 */
export function shareReading<T>(read: () => Promise<T>, freshMs: number): () => Promise<T> {
  let last: Promise<T> | null = null;
  let freshUntil = 0;
  return () => {
    if (last === null || performance.now() > freshUntil) {
      freshUntil = Number.POSITIVE_INFINITY;
      last = read().finally(() => {
        freshUntil = performance.now() + freshMs;
      });
    }
    return last;
  };
}

/** In one query. */
const MOST_AT_ONCE = 100;
/** From one query to the next. */
const PAUSE_MS = 20;

/**
 * However many look for things by their keys, however many of those are made up: one query at a time
 * looks for all of them, and takes one connection.
 *
 * @param find - Given keys in order, each once.
 */
export function shareLookups<T extends object>(
  find: (keys: readonly Buffer[]) => Promise<readonly (T & { readonly key: Buffer })[]>,
): (key: Buffer) => Promise<T | null> {
  const waiting = new Map<string, PromiseWithResolvers<T | null>>();
  let isLooking = false;

  async function lookForAll(): Promise<void> {
    isLooking = true;
    while (waiting.size > 0) {
      const pause = sleep(PAUSE_MS, undefined, { ref: false });
      await look(new Map([...waiting].slice(0, MOST_AT_ONCE)));
      await pause;
    }
    isLooking = false;
  }

  async function look(group: ReadonlyMap<string, PromiseWithResolvers<T | null>>): Promise<void> {
    for (const name of group.keys()) waiting.delete(name);
    try {
      // In order, so that two servers that mark the same rows cannot wait for each other.
      const found = await find([...group.keys()].sort().map((it) => Buffer.from(it, "hex")));
      const byKey = new Map(found.map((it) => [it.key.toString("hex"), it]));
      for (const [name, { resolve }] of group) resolve(byKey.get(name) ?? null);
    } catch (error) {
      for (const { reject } of group.values()) reject(error);
    }
  }

  return (key) => {
    const name = key.toString("hex");
    const asked = waiting.get(name) ?? Promise.withResolvers<T | null>();
    waiting.set(name, asked);
    if (!isLooking) void lookForAll();
    return asked.promise;
  };
}
