import { describe, expect } from "vitest";
import { oncebox } from "../db/support/oncebox.ts";
import { test } from "../support/fixture.ts";
import { hunt } from "./hunt.ts";
import { MUTANTS, mutantOf } from "./mutants.ts";

const MINUTES = 60_000;

describe("oncebox verify", () => {
  test("finds no duplicate and no loss in the product, and says how to run it again", {
    timeout: 5 * MINUTES,
  }, async () => {
    const { exitCode, stdout } = await oncebox([
      ...["verify", "--kills", "10", "--seed", "5", "--mode", "both", "--json", "-"],
    ]);

    const report = JSON.parse(stdout);
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ isGood: true, seed: 5, fates: { duplicate: 0, lost: 0 } });
    expect(report.repeat).toContain("--seed 5");
    expect(report.kills).toBeGreaterThanOrEqual(10);
    expect(report.fates.sent).toBeGreaterThan(20);
    expect(exitCode).toBe(0);
  });

  test("touches no database that is not empty", async ({ databaseUrl, pool }) => {
    const { exitCode, stderr } = await oncebox(["verify", "--database", databaseUrl]);

    expect(stderr).toContain("ONCEBOX_INPUT_INVALID: the database is not empty");
    expect(exitCode).toBe(2);
    const { rows } = await pool.query("select count(*)::integer as leads from landing_leads");
    expect(rows).toEqual([{ leads: 0 }]);
  });

  test("takes an empty database", { timeout: 3 * MINUTES }, async ({ emptyDatabaseUrl }) => {
    const { exitCode, stdout } = await oncebox([
      ...["verify", "--database", emptyDatabaseUrl, "--kills", "3", "--json", "-"],
    ]);

    expect(JSON.parse(stdout)).toMatchObject({ isGood: true });
    expect(exitCode).toBe(0);
  });

  test("does not run in production", async () => {
    const { exitCode, stderr } = await oncebox(["verify"], { NODE_ENV: "production" });

    expect(stderr).toContain("ONCEBOX_SANDBOX_FAILED");
    expect(exitCode).toBe(1);
  });

  for (const name of ["claim-after-send", "http2-on"]) {
    test(`catches a mutant: ${name}`, { timeout: 8 * MINUTES }, async () => {
      const mutant = MUTANTS.find((it) => it.name === name);

      const found = await hunt(mutant as (typeof MUTANTS)[number], 150, 1);

      expect(found).toMatchObject({ isCaught: true });
    });
  }

  test("has mutants that still fit the product", () => {
    for (const mutant of MUTANTS) expect(() => mutantOf(mutant)).not.toThrow();
  });
});
