import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const DEMO = fileURLToPath(new URL("../../src/cli/demo.ts", import.meta.url));

/** The numbers in a row of the printed table. */
function rowOf(output: string, name: string): number[] {
  const line = output.split("\n").find((it) => it.startsWith(`│ ${name}`)) ?? "";
  return [...line.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}

test("the demo shows more than one SMS a person the old way, and exactly one with oncebox", {
  timeout: 120_000,
}, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [DEMO]); // rejects unless exit 0

  const old = rowOf(stdout, "the old way");
  const oncebox = rowOf(stdout, "with oncebox");
  expect(old.at(-1)).toBeGreaterThan(20);
  expect(old.slice(0, -1).reduce((sum, people) => sum + people, 0)).toBe(20);
  expect(oncebox.slice(0, 3)).toEqual([0, 20, 0]);
  expect(oncebox.at(-1)).toBe(20);
  expect(stdout).toContain(`20 registrations: ${old.at(-1)} SMS the old way, 20 with oncebox.`);
});
