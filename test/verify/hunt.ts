import { reportOf } from "../../src/verify/report.ts";
import type { Mode } from "../../src/verify/steps.ts";
import { verify } from "../../src/verify/verify.ts";
import { huntByPromotions } from "./hunt-by-promotions.ts";
import { mutantOf, type NamedMutant } from "./mutants.ts";

export interface Catch {
  readonly isCaught: boolean;
  /** As `25 kills`. */
  readonly within: string;
  readonly seconds: number;
  /** What gave it away, by kind and how often. */
  readonly by: Readonly<Record<string, number>>;
}

const KILLS_A_RUN = 25;
const MOST_MS_A_RUN = 45_000;

/**
 * Runs the proof against a mutant, run after run, until it is found out or has outlived so many kills.
 *
 * @throws Error when it sends nothing at all: such a mutant is broken, and its catch would be no feat.
 */
export async function hunt(mutant: NamedMutant, mostKills: number, seed: number): Promise<Catch> {
  const startedAt = performance.now();
  const found =
    mutant.mode === "promotion"
      ? await huntByPromotions(mutant)
      : await huntByKills(mutant, mutant.mode, mostKills, seed);
  return {
    ...found,
    isCaught: Object.keys(found.by).length > 0,
    seconds: Math.round((performance.now() - startedAt) / 1_000),
  };
}

async function huntByKills(
  mutant: NamedMutant,
  mode: Mode,
  mostKills: number,
  seed: number,
): Promise<Pick<Catch, "within" | "by">> {
  let kills = 0;
  const by: Record<string, number> = {};
  for (let run = 0; kills < mostKills && Object.keys(by).length === 0; run++) {
    const proof = await verify({
      modes: [mode],
      databaseUrl: null,
      seed: seed + run,
      workers: 4,
      forMs: MOST_MS_A_RUN,
      kills: Math.min(KILLS_A_RUN, mostKills - kills),
      signal: new AbortController().signal,
      onProgress: () => undefined,
      mutant: mutantOf(mutant),
      quietWithinMs: 45_000,
      keep: false,
    });
    const report = reportOf(proof, seed, "");
    if (report.landed === 0)
      throw new Error(`${mutant.name} sends nothing: its workers do not start`);
    kills += Math.max(report.kills, 1);
    if (report.ownEnds.length > 0) by["worker ended by itself"] = report.ownEnds.length;
    if (report.notQuiet.length > 0) by["not quiet in time"] = 1;
    for (const { kind, what } of report.problems) {
      const key =
        kind === "disagreement" ? what.replaceAll(/\(.*\)|[\da-f-]{36}|\d+/g, "..") : kind;
      by[key] = (by[key] ?? 0) + 1;
    }
  }
  return { within: `${kills} kills`, by };
}
