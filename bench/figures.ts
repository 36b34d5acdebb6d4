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
