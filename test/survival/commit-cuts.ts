import { parseArgs } from "node:util";
import { openStage } from "../support/stage.ts";
import { cutCommits } from "./commit-cutting.ts";
import { inWords, isFlawless } from "./under-load.ts";

// Cuts connections before, around and after the commits of registrations, claims, drafts and settles:
//   node test/survival/commit-cuts.ts --times 3000

const { values } = parseArgs({ options: { times: { type: "string", default: "3000" } } });
const times = Number(values.times);

await using stage = await openStage();
const { outcome, cuts } = await cutCommits(stage, times, (sum) =>
  console.error(`${sum} of ${times}`),
);
for (const [what, count] of Object.entries(cuts).sort()) console.log(`${count} ${what}`);
const sum = Object.values(cuts).reduce((total, count) => total + count, 0);
console.log(`${sum} cuts; ${inWords(outcome)}`);
process.exitCode = isFlawless(outcome) ? 0 : 1;
