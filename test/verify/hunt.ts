import { reportOf } from "../../src/verify/report.ts";
import { verify } from "../../src/verify/verify.ts";
import { mutantOf, type NamedMutant } from "./mutants.ts";

export interface Catch {
  readonly isCaught: boolean;
  readonly kills: number;
  readonly seconds: number;
  /** What gave it away, by kind and how often. */
  readonly by: Readonly<Record<string, number>>;
}

const KILLS_A_RUN = 25;
const MOST_MS_A_RUN = 45_000;

/** Runs the proof against a mutant, run after run, until it is found out or has outlived so many kills. */
export async function hunt(mutant: NamedMutant, mostKills: number, seed: number): Promise<Catch> {
  const startedAt = performance.now();
  let kills = 0;
  const seconds = () => Math.round((performance.now() - startedAt) / 1_000);
  for (let run = 0; kills < mostKills; run++) {
    const proof = await verify({
      modes: [mutant.mode],
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
    kills += Math.max(report.kills, 1);
    if (!report.isGood) {
      const by: Record<string, number> = {};
      if (report.ownEnds.length > 0) by["worker ended by itself"] = report.ownEnds.length;
      if (report.notQuiet.length > 0) by["not quiet in time"] = 1;
      for (const { kind, what } of report.problems) {
        const key = kind === "disagreement" ? what.replaceAll(/\(.*\)|\d+/g, "..") : kind;
        by[key] = (by[key] ?? 0) + 1;
      }
      return { isCaught: true, kills, seconds: seconds(), by };
    }
  }
  return { isCaught: false, kills, seconds: seconds(), by: {} };
}
