export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (
    sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN
  );
}

/** Of times in milliseconds: how many, and from the least to the most. */
export function summarize(values: readonly number[]): string {
  const [least, median, p99, most] = [0, 50, 99, 100].map((percent) =>
    (percentile(values, percent) / 1_000).toFixed(2),
  );
  return `${values.length} samples: minimum ${least} s, median ${median} s, p99 ${p99} s, maximum ${most} s`;
}

/** So many a second between two parts of all that came, as `0.2` and `0.9`. */
export function rateBetween(times: readonly number[], from: number, to: number): number {
  const last = times.length - 1;
  const [first, end] = [Math.floor(last * from), Math.floor(last * to)];
  const ms = (times[end] ?? 0) - (times[first] ?? 0);
  return ms > 0 ? ((end - first) / ms) * 1_000 : 0;
}
