import { parseArgs } from "node:util";
import { CONTESTANTS } from "../contestants/all.ts";
import type { Contestant } from "../contestants/contestant.ts";
import type { Scenario, Sizes } from "./scenario.ts";
import { FULL, QUICK, SCENARIOS } from "./scenarios.ts";

export interface Options {
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly scenarios: readonly Scenario[];
  readonly contestants: readonly Contestant[];
  readonly sizes: Sizes;
  readonly json: string;
}

export const HELP = `How fast is oncebox beside what a user would take instead, on this machine?

  npm run bench                                     everything, 3 rounds: under an hour
  npm run bench -- --quick                          the main scenarios, small, one round: two minutes
  npm run bench -- --only drain,drain-50ms
  npm run bench -- --only drain --contestants oncebox,batching-loop --rounds 5
  npm run bench -- --only soak --soak 60            the memory of a worker over an hour

  --quick               smaller sizes and one round
  --only NAMES          scenarios, with commas between
  --contestants NAMES   with commas between; the targets need those that they are against
  --rounds COUNT        default 3
  --soak MINUTES        adds the scenario soak, in the first round alone
  --json FILE           where the results go; default bench/results/latest.json
  --help

Scenarios:
${SCENARIOS.map((it) => `  ${it.name.padEnd(16)} ${it.title}`).join("\n")}

Contestants:
${CONTESTANTS.map((it) => `  ${it.name.padEnd(24)} ${it.title}`).join("\n")}
`;

/** @returns null when help is wanted. @throws Error that says what is wrong. */
export function readOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      contestants: { type: "string" },
      rounds: { type: "string" },
      soak: { type: "string" },
      json: { type: "string", default: "bench/results/latest.json" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const isQuick = values.quick;
  const soakMs = positive("soak", values.soak ?? "0", 0) * 60_000;
  const wanted = pick("scenario", SCENARIOS, values.only);
  return {
    isQuick,
    rounds: positive("rounds", values.rounds ?? (isQuick ? "1" : "3"), 1),
    scenarios: wanted.filter((it) => {
      if (it.name === "soak") return soakMs > 0;
      return it.isQuick || !isQuick || values.only !== undefined;
    }),
    contestants: pick("contestant", CONTESTANTS, values.contestants),
    sizes: { ...(isQuick ? QUICK : FULL), soakMs },
    json: values.json,
  };
}

function pick<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  names: string | undefined,
): readonly T[] {
  if (names === undefined) return all;
  const wanted = names.split(",").map((it) => it.trim());
  const unknown = wanted.find((name) => !all.some((it) => it.name === name));
  if (unknown !== undefined)
    throw new Error(
      `no ${what} has the name ${unknown}; there are ${all.map((it) => it.name).join(", ")}`,
    );
  return all.filter((it) => wanted.includes(it.name));
}

function positive(name: string, text: string, least: number): number {
  const value = Number(text);
  if (value >= least && text.trim() !== "") return value;
  throw new Error(`--${name}: got ${text}, wanted a number from ${least}`);
}
