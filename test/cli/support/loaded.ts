import { fileURLToPath } from "node:url";
import { run } from "../../db/support/oncebox.ts";

const SRC = new URL("../../../src/", import.meta.url).href;

/** Runs in the process before anything else, and tells of every module that is loaded. */
const TELLING = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({
    load(url, context, load) {
      process.stderr.write("loaded " + url + "\\n");
      return load(url, context);
    },
  });
`)}`;

export interface Loaded {
  readonly packages: readonly string[];
  /** Of src. */
  readonly files: readonly string[];
}

/** What `oncebox` loads from its start to its end, each name once. */
export async function loadedBy(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Loaded> {
  const main = fileURLToPath(new URL("cli/main.ts", SRC));
  const { stderr } = await run(process.execPath, ["--import", TELLING, main, ...args], env);
  const urls = [...stderr.matchAll(/^loaded (\S+)$/gm)].map(([, url = ""]) => url);
  return {
    packages: namesIn(urls, /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//),
    files: namesIn(urls, new RegExp(`^${SRC}(.*)$`)),
  };
}

function namesIn(urls: readonly string[], pattern: RegExp): string[] {
  const names = urls.flatMap((url) => pattern.exec(url)?.[1] ?? []);
  return [...new Set(names)].sort();
}
