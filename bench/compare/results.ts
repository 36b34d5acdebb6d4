import { CONTESTANTS } from "../contestants/all.ts";
import type { Machine } from "./machine.ts";
import type { Options } from "./options.ts";
import {
  judge,
  type Sample,
  type Series,
  type Spread,
  seriesOf,
  spreadOf,
  type Verdict,
} from "./samples.ts";
import { SCENARIOS } from "./scenarios.ts";
import { TARGETS } from "./targets.ts";

/** What a run leaves in its file. */
export interface Results {
  readonly date: string;
  readonly machine: Machine;
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly sizes: Options["sizes"];
  readonly contestants: readonly {
    readonly name: string;
    readonly title: string;
    readonly settings: Readonly<Record<string, string | number | boolean>>;
  }[];
  readonly scenarios: readonly { readonly name: string; readonly title: string }[];
  readonly summary: readonly (Series & Spread)[];
  readonly targets: readonly Verdict[];
  readonly notes: readonly string[];
  readonly samples: readonly Sample[];
}

export function resultsOf(
  machine: Machine,
  options: Options,
  samples: readonly Sample[],
  notes: readonly string[],
): Results {
  const { isQuick, rounds, sizes } = options;
  return {
    date: new Date().toISOString().slice(0, 10),
    machine,
    isQuick,
    rounds,
    sizes,
    contestants: CONTESTANTS.filter((it) => options.contestants.includes(it)).map(
      ({ name, title, settings }) => ({ name, title, settings }),
    ),
    scenarios: SCENARIOS.filter((it) => options.scenarios.includes(it)).map(({ name, title }) => ({
      name,
      title,
    })),
    summary: summarize(samples),
    targets: TARGETS.map((it) => judge(it, samples)).filter((it) => it.reading !== null),
    notes,
    samples,
  };
}

function summarize(samples: readonly Sample[]): (Series & Spread)[] {
  const seen = new Set<string>();
  return samples.flatMap(({ scenario, contestant, measure }) => {
    const series = { scenario, contestant, measure };
    const key = JSON.stringify(series);
    if (seen.has(key)) return [];
    seen.add(key);
    const spread = spreadOf(seriesOf(samples, series).map((it) => it.value));
    return spread === null ? [] : [{ ...series, ...spread }];
  });
}
