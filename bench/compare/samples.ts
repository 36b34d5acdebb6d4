/** One figure of one run. */
export interface Sample {
  readonly scenario: string;
  readonly contestant: string;
  /** What is counted, with its unit: `per second`, `p99 ms`. */
  readonly measure: string;
  readonly round: number;
  readonly value: number;
}

export type Series = Pick<Sample, "scenario" | "contestant" | "measure">;

export interface Spread {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** A figure to reach: a measure by itself, or divided by another one of the same round. */
export interface Target {
  readonly what: string;
  readonly of: Series;
  readonly against?: Series;
  /** What shows how much can be reached at all. */
  readonly limit?: Series;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Verdict extends Target {
  /** Of the ratios, or of the values; null when nothing was measured. */
  readonly reading: Spread | null;
  readonly isReached: boolean | null;
  /** The same of the limit; null when that was not measured. */
  readonly most: Spread | null;
}

export function seriesOf(samples: readonly Sample[], series: Series): Sample[] {
  return samples.filter(
    (it) =>
      it.scenario === series.scenario &&
      it.contestant === series.contestant &&
      it.measure === series.measure,
  );
}

export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = values.filter((it) => !Number.isNaN(it)).sort((a, b) => a - b);
  const [minimum, maximum] = [sorted[0], sorted.at(-1)];
  if (minimum === undefined || maximum === undefined) return null;
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? minimum;
  const lower = sorted[Math.ceil(middle) - 1] ?? minimum;
  return { median: (lower + upper) / 2, minimum, maximum };
}

export function judge(target: Target, samples: readonly Sample[]): Verdict {
  const { of, against, limit, atLeast, atMost } = target;
  const reading = readingOf(of, against, samples);
  const isReached =
    reading === null
      ? null
      : reading.median >= (atLeast ?? -Infinity) && reading.median <= (atMost ?? Infinity);
  const most = limit === undefined ? null : readingOf(limit, against, samples);
  return { ...target, reading, isReached, most };
}

/** Ratios are taken round by round, where both sides met the same machine; then their median counts. */
function readingOf(
  of: Series,
  against: Series | undefined,
  samples: readonly Sample[],
): Spread | null {
  const others = against === undefined ? [] : seriesOf(samples, against);
  return spreadOf(
    seriesOf(samples, of).flatMap(({ round, value }) => {
      if (against === undefined) return [value];
      const other = others.find((it) => it.round === round)?.value;
      return other === undefined || other === 0 ? [] : [value / other];
    }),
  );
}
