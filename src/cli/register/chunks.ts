import { setTimeout as delay } from "node:timers/promises";
import type { FileRecord } from "./record.ts";

interface ChunkSettings {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** A pipe may pause for hours: a chunk is handed out this long after its first record came. */
  readonly maxWaitMs: number;
  /** Ends the chunks; what was read and not handed out yet is left for the next run. */
  readonly signal: AbortSignal;
}

const WAITED = Symbol("waited");

/** Groups records for one transaction each, in order; reads on only when the next group is asked for. */
export async function* inChunks(
  records: AsyncIterable<FileRecord>,
  settings: ChunkSettings,
): AsyncGenerator<FileRecord[]> {
  const iterator = records[Symbol.asyncIterator]();
  let next = ask(iterator);
  try {
    for (let isDone = false; !isDone; ) {
      const chunk: FileRecord[] = [];
      let bytes = 0;
      const wait = new AbortController();
      let waited: Promise<typeof WAITED> | undefined;
      while (chunk.length < settings.maxRecords && bytes < settings.maxBytes) {
        const result = await (waited === undefined ? next : Promise.race([next, waited]));
        if (result === WAITED) break;
        isDone = result.done === true;
        if (result.done) break;
        chunk.push(result.value);
        bytes += result.value.kind === "fields" ? result.value.size : 0;
        next = ask(iterator);
        waited ??= delay(settings.maxWaitMs, WAITED, { signal: wait.signal }).catch(() => WAITED);
      }
      wait.abort();
      if (settings.signal.aborted) return;
      if (chunk.length > 0) yield chunk;
    }
  } catch (error) {
    if (!settings.signal.aborted) throw error;
  } finally {
    // Not awaited: it waits for the read that is under way, and a silent pipe never ends that.
    iterator.return?.().catch(() => {});
  }
}

/** A read that fails while a transaction runs is heard of when its result is looked at. */
function ask<T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> {
  const result = iterator.next();
  result.catch(() => {});
  return result;
}
