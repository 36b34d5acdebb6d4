import { registerHooks } from "node:module";
import { MUTANTS, sourceOf } from "./mutants.ts";

// A worker of a crash proof whose source is not quite the product's.

const mutant = MUTANTS.find(({ name }) => name === process.argv[2]);
if (mutant === undefined) throw new TypeError(`there is no mutant worker "${process.argv[2]}"`);
registerHooks({
  load(url, context, nextLoad) {
    const source = sourceOf(mutant, url);
    const loaded = nextLoad(url, context);
    return source === null ? loaded : { ...loaded, source };
  },
});
// Not before the hooks are there.
const { serveAsWorker } = await import("../../src/verify/worker-main.ts");
await serveAsWorker();
