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
