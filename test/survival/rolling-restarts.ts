import { parseArgs } from "node:util";
import { openStage } from "../support/stage.ts";
import { restartOneByOne } from "./rolling.ts";
import { inWords, isFlawless, slowDown, underLoad } from "./under-load.ts";

// Restarts workers one after the other with SIGINT, again and again, while people register:
//   node test/survival/rolling-restarts.ts --times 200

const { values } = parseArgs({ options: { times: { type: "string", default: "200" } } });
const times = Number(values.times);

await using stage = await openStage();
const { gateways, startWorker } = stage;
await slowDown(gateways, 200);
const workers = await Promise.all([startWorker(), startWorker()]);

let ends: (number | string)[] = [];
const outcome = await underLoad(stage, async () => {
  ends = await restartOneByOne(workers, startWorker, {
    times,
    onRestart: (number) => {
      if (number % 10 === 0) console.error(`${number} of ${times}`);
    },
  });
});
const bad = ends.filter((it) => it !== 0);
console.log(`${times} restarts, ${bad.length} that did not end with 0; ${inWords(outcome)}`);
process.exitCode = bad.length === 0 && isFlawless(outcome) ? 0 : 1;
