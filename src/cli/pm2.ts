import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { readPm2 } from "../config.ts";
import type { Check } from "../inspect/checks.ts";
import { checkPm2, readApps, readMs } from "../inspect/pm2.ts";

/** As pm2 looks for them. */
const FILES = ["js", "cjs", "mjs", "json"].map((it) => `ecosystem.config.${it}`);

/**
 * What pm2 does to a worker at a restart, as far as it shows: in the environment, where pm2 started
 * this very process, and in the ecosystem file of this folder. None when neither is there.
 *
 * The file is run, as pm2 runs it.
 */
export async function examinePm2(sendTimeoutMs: number): Promise<Check[]> {
  const pm2 = readPm2();
  const file = FILES.find((it) => existsSync(it));
  const started =
    pm2 === null ? [] : [{ name: "this process", killTimeoutMs: readMs(pm2.killTimeout) }];
  if (file === undefined) return pm2 === null ? [] : [checkPm2(started, sendTimeoutMs)];
  try {
    const apps = [...started, ...readApps(await load(resolve(file)))];
    return apps.length === 0 ? [] : [checkPm2(apps, sendTimeoutMs)];
  } catch (error) {
    return [
      {
        name: "pm2",
        status: "warn",
        means: `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        remedy: `node ${file}`,
      },
    ];
  }
}

async function load(path: string): Promise<unknown> {
  if (path.endsWith(".json")) return JSON.parse(await readFile(path, "utf8"));
  const { default: file } = (await import(pathToFileURL(path).href)) as { default: unknown };
  return file;
}
