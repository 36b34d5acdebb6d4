import { expect, test } from "vitest";
import { judge, type Sample, spreadOf } from "../../bench/compare/samples.ts";

const OURS = { scenario: "drain", contestant: "oncebox", measure: "per second" };
const THEIRS = { ...OURS, contestant: "batching-loop" };

function rounds(series: typeof OURS, values: readonly number[]): Sample[] {
  return values.map((value, round) => ({ ...series, round, value }));
}

test("the spread of an even number of rounds has the middle of the two in the middle", () => {
  expect(spreadOf([40, 10, 20, 30])).toEqual({ median: 25, minimum: 10, maximum: 40 });
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, minimum: 1, maximum: 3 });
});

test("a round without a figure is left out, and no rounds have no spread", () => {
  expect(spreadOf([5, Number.NaN])).toEqual({ median: 5, minimum: 5, maximum: 5 });
  expect(spreadOf([])).toBeNull();
});

test("a ratio is taken within each round, and the median of the ratios counts", () => {
  // The machine was half as fast in the second round; the ratio of the medians would be 0.5.
  const samples = [...rounds(OURS, [100, 50, 90]), ...rounds(THEIRS, [100, 50, 200])];
  const verdict = judge({ what: "", of: OURS, against: THEIRS, atLeast: 0.85 }, samples);
  expect(verdict.reading).toEqual({ median: 1, minimum: 0.45, maximum: 1 });
  expect(verdict.isReached).toBe(true);
});

test("a figure is missed below what is wanted at least, and above what is wanted at most", () => {
  const samples = rounds(OURS, [99, 99, 99]);
  expect(judge({ what: "", of: OURS, atLeast: 100 }, samples).isReached).toBe(false);
  expect(judge({ what: "", of: OURS, atMost: 98 }, samples).isReached).toBe(false);
  expect(judge({ what: "", of: OURS, atLeast: 99, atMost: 99 }, samples).isReached).toBe(true);
});

test("a round in which the other one has no figure does not count", () => {
  const samples = [...rounds(OURS, [100, 300]), ...rounds(THEIRS, [50])];
  const verdict = judge({ what: "", of: OURS, against: THEIRS, atLeast: 2 }, samples);
  expect(verdict.reading).toEqual({ median: 2, minimum: 2, maximum: 2 });
});

test("the most that can be reached is that of the limit, against the same one", () => {
  const limit = { ...OURS, contestant: "rows-alone" };
  const target = { what: "", of: OURS, against: THEIRS, limit, atLeast: 1 };
  const samples = [...rounds(OURS, [50, 60]), ...rounds(THEIRS, [100, 200])];
  expect(judge(target, samples).most).toBeNull();
  const verdict = judge(target, [...samples, ...rounds(limit, [90, 100])]);
  expect(verdict.most).toEqual({ median: 0.7, minimum: 0.5, maximum: 0.9 });
  expect(verdict.isReached).toBe(false);
});

test("what was not measured is neither reached nor missed", () => {
  expect(judge({ what: "", of: OURS, atLeast: 1 }, []).isReached).toBeNull();
});
