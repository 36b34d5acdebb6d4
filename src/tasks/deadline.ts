/**
 * Has `work` done with a signal that aborts after so long, as `AbortSignal.timeout` does. That one keeps its
 * timer to the end although the work was over long before: at 2,500 sends a second of a minute each, 150,000.
 */
export async function withDeadline<T>(
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort(new DOMException("the time is over", "TimeoutError"));
  }, limitMs);
  try {
    return await work(deadline.signal);
  } finally {
    clearTimeout(timer);
  }
}
