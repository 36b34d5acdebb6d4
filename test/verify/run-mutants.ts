import { parseArgs } from "node:util";
import { hunt } from "./hunt.ts";
import { MUTANTS } from "./mutants.ts";

// node test/verify/run-mutants.ts [name ..] [--kills 500] [--seed 1]
// Exit 1 if one of them was not caught.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: "string", default: "500" },
    seed: { type: "string", default: "1" },
  },
});
const wanted = MUTANTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
for (const mutant of wanted) {
  const found = await hunt(mutant, Number(values.kills), Number(values.seed));
  const by = Object.entries(found.by).map(([what, count]) => `${count} x ${what}`);
  const verdict = found.isCaught ? "caught" : "NOT CAUGHT";
  console.log(
    `${mutant.name} (${mutant.mode}): ${verdict} within ${found.within}, ${found.seconds} s. ${by.join("; ")}`,
  );
  if (!found.isCaught) process.exitCode = 1;
}
