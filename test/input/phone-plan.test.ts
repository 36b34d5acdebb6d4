import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { getCountries } from "libphonenumber-js/max";
import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";

const PLAN = fileURLToPath(new URL("../../sql/phone_plan.sql", import.meta.url));
const DOWN = fileURLToPath(new URL("../../migrations/0002_input_rules.down.sql", import.meta.url));
const UP = fileURLToPath(new URL("../../migrations/0002_input_rules.up.sql", import.meta.url));
const SCRIPT = fileURLToPath(new URL("../../scripts/phone-plan.ts", import.meta.url));

describe("sql/phone_plan.sql", () => {
  test("is what scripts/phone-plan.ts makes of the installed libphonenumber-js", () => {
    const folder = mkdtempSync(join(tmpdir(), "oncebox-"));
    const remade = join(folder, "phone_plan.sql");

    execFileSync(process.execPath, [SCRIPT, remade]);

    // If this fails: node scripts/phone-plan.ts, look at the difference, commit it.
    expect(readFileSync(PLAN, "utf8")).toBe(readFileSync(remade, "utf8"));
    rmSync(folder, { recursive: true });
  });

  test("has every country that libphonenumber knows", async ({ pool }) => {
    const { rows } = await pool.query<{ country: string }>(
      "select country from oncebox.phone_plan",
    );

    expect(rows.map((it) => it.country).sort()).toEqual([...getCountries()].sort());
  });

  test("refreshes patterns, drops countries that are gone, and leaves what the operator chose", async ({
    pool,
  }) => {
    await pool.query(
      "update oncebox.phone_plan set mobile_pattern = '^(?:1)$', accepted = false where country = 'UZ'",
    );
    await pool.query("delete from oncebox.phone_plan where country = 'KG'");
    await pool.query(
      "insert into oncebox.phone_plan (calling_code, country, mobile_pattern) values ('999', 'ZZ', '^(?:1)$')",
    );

    await pool.query(readFileSync(PLAN, "utf8"));

    const { rows } = await pool.query(
      `select country, accepted, mobile_pattern <> '^(?:1)$' as refreshed
         from oncebox.phone_plan
        where country in ('UZ', 'KG', 'ZZ')
        order by country`,
    );
    expect(rows).toEqual([
      { country: "KG", accepted: true, refreshed: true },
      { country: "UZ", accepted: false, refreshed: true },
    ]);
  });

  test("writes nothing when nothing changed", async ({ pool }) => {
    const before = await pool.query(
      "select ctid, xmin, country from oncebox.phone_plan order by country",
    );

    await pool.query(readFileSync(PLAN, "utf8"));

    const after = await pool.query(
      "select ctid, xmin, country from oncebox.phone_plan order by country",
    );
    expect(after.rows).toEqual(before.rows);
  });
});

describe("0002_input_rules", () => {
  test("goes down and up again", async ({ pool }) => {
    await pool.query(readFileSync(DOWN, "utf8"));
    await pool.query(readFileSync(UP, "utf8"));
    await pool.query(readFileSync(PLAN, "utf8"));

    const { rows } = await pool.query("select phone from oncebox.parse_phone('8 777 123 45 67')");

    expect(rows).toEqual([{ phone: "+77771234567" }]);
  });

  test("does not go down while the operator refuses a country", async ({ pool }) => {
    await pool.query("update oncebox.phone_plan set accepted = false where country = 'UZ'");

    const down = pool.query(readFileSync(DOWN, "utf8"));

    await expect(down).rejects.toMatchObject({
      code: "OB006",
      hint: expect.stringContaining("accepted"),
    });
  });
});
