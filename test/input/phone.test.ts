import parsePhoneNumber, { type CountryCode } from "libphonenumber-js/max";
import type pg from "pg";
import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";
import { numbersLike } from "./numbers.ts";

interface Parsed {
  readonly raw: string | null;
  readonly phone: string | null;
  readonly problem: string | null;
}

async function parse(pool: pg.Pool, raws: readonly (string | null)[]): Promise<Parsed[]> {
  const { rows } = await pool.query<Parsed>(
    `select given.raw, p.phone, p.problem
       from unnest($1::text[]) with ordinality as given (raw, n)
      cross join lateral oncebox.parse_phone(given.raw) as p
      order by given.n`,
    [raws],
  );
  return rows;
}

/** The same number, as people write it. */
const WRITTEN: readonly string[] = [
  "+77771234567",
  "77771234567",
  "87771234567",
  "7771234567",
  "8 777 123 45 67",
  "8(777)123-45-67",
  "+7 (777) 123-45-67",
  "+7.777.123.45.67",
  "+7 777\u00a0123\u00a045\u00a067",
  "  +7 777 123 4567 ",
  "\u00a08 777 123 45 67",
  // A form with "+7" in front of what the person types.
  "+7 8 777 123 45 67",
];

const TAKEN: ReadonlyArray<[raw: string, phone: string]> = [
  ["+7 916 123 45 67", "+79161234567"],
  ["8 916 123-45-67", "+79161234567"],
  ["+998 90 123 45 67", "+998901234567"],
  ["+996 555 123 456", "+996555123456"],
  ["+1 (212) 555-2345", "+12125552345"],
  ["+44 (0) 7400 123456", "+447400123456"],
  ["+49 0151 23456789", "+4915123456789"],
  ["+971 50 123 4567", "+971501234567"],
];

const REFUSED: ReadonlyArray<[raw: string | null, problem: string]> = [
  [null, "empty"],
  ["", "empty"],
  ["   ", "empty"],
  ["\u00a0", "empty"],
  ["112", "too_short"],
  ["-", "too_short"],
  ["+7 777 123", "too_short"],
  ["8777123456", "too_short"],
  ["777123456", "too_short"],
  ["+7 777 123 45 67 8", "too_long"],
  ["8 8 777 123 45 67", "too_long"],
  ["8 10 998 90 123 45 67", "too_long"],
  [" ".repeat(33), "too_long"],
  ["+7 777 123 45 67                  ", "too_long"],
  // Mobizon takes a list apart at a comma or a newline, and would send to both.
  ["87771234567,87011234567", "two_numbers"],
  ["87771234567\n87011234567", "two_numbers"],
  ["87771234567; 87011234567", "two_numbers"],
  ["87771234567/87011234567", "two_numbers"],
  ["87771234567 87011234567", "two_numbers"],
  ["+77771234567+77011234567", "two_numbers"],
  ["+7 (777) 123-45-67, +7 (701) 123-45-67", "two_numbers"],
  ["87771234567 или 87011234567", "two_numbers"],
  ["+77771234567 ext. 5", "extension"],
  ["+77771234567x5", "extension"],
  ["+77771234567,5", "extension"],
  ["+77771234567;ext=5", "extension"],
  ["87771234567 доб. 12", "extension"],
  ["87771234567 (вн. 3)", "extension"],
  ["tel:+77771234567", "bad_characters"],
  ["+77771234567;phone-context=evil", "bad_characters"],
  ["8777123456o", "bad_characters"],
  ["8777 Айгерим", "bad_characters"],
  ["８７７７１２３４５６７", "bad_characters"],
  ["٨٧٧٧١٢٣٤٥٦٧", "bad_characters"],
  ["\u202e87771234567", "bad_characters"],
  ["\u202a+77771234567\u202c", "bad_characters"],
  ["+7\u20117771234567", "bad_characters"],
  ["8\t7771234567", "bad_characters"],
  ["87771234567\n", "bad_characters"],
  ["7+7771234567", "bad_characters"],
  ["(+7)7771234567", "bad_characters"],
  ["++77771234567", "bad_characters"],
  ["'; drop table lead; --", "bad_characters"],
  ["+8 777 123 45 67", "unknown_country"],
  ["+0777 123 45 67", "unknown_country"],
  ["00 998 90 123 45 67", "unknown_country"],
  // Without a plus it could be anybody's.
  ["998901234567", "unknown_country"],
  ["9161234567", "unknown_country"],
  ["2125552345", "unknown_country"],
  // Satellite, machines, toll-free: numbers of no country.
  ["+870776123456", "unknown_country"],
  ["+881612345678", "unknown_country"],
  ["+80012345678", "unknown_country"],
  ["+7 727 250 50 50", "not_mobile"],
  ["8 800 080 77 77", "not_mobile"],
  ["+7 495 123 45 67", "not_mobile"],
  ["+44 20 7946 0958", "not_mobile"],
  ["+1 900 555 2345", "not_mobile"],
  ["+7 000 000 00 00", "not_mobile"],
];

const COUNTRIES: readonly CountryCode[] = [
  "KZ",
  "RU",
  "UZ",
  "KG",
  "US",
  "DE",
  "AE",
  "GB",
  "TR",
  "CN",
];

describe("parse_phone", () => {
  test("takes every way to write a number for the same number", async ({ pool }) => {
    const parsed = await parse(pool, WRITTEN);

    expect(parsed).toEqual(WRITTEN.map((raw) => ({ raw, phone: "+77771234567", problem: null })));
  });

  test("takes mobile numbers of other countries by their plus", async ({ pool }) => {
    const parsed = await parse(
      pool,
      TAKEN.map(([raw]) => raw),
    );

    expect(parsed).toEqual(TAKEN.map(([raw, phone]) => ({ raw, phone, problem: null })));
  });

  test("refuses what is not one number that can get an SMS, and says why", async ({ pool }) => {
    const parsed = await parse(
      pool,
      REFUSED.map(([raw]) => raw),
    );

    expect(parsed).toEqual(REFUSED.map(([raw, problem]) => ({ raw, phone: null, problem })));
  });

  test("agrees with libphonenumber on twenty thousand numbers of ten countries", async ({
    pool,
  }) => {
    for (const country of COUNTRIES) {
      const raws = numbersLike(country, 2_000);

      const parsed = await parse(pool, raws);

      expect(parsed.map(({ raw, phone }) => ({ raw, phone }))).toEqual(
        raws.map((raw) => ({ raw, phone: mobileBy(raw) })),
      );
      // Both kinds are among them, or the comparison would be worth little.
      expect(parsed.filter((it) => it.phone !== null).length).toBeGreaterThan(200);
      expect(parsed.filter((it) => it.phone === null).length).toBeGreaterThan(200);
    }
  });

  test("agrees with libphonenumber on how Kazakhstan writes its numbers", async ({ pool }) => {
    const numbers = [...numbersLike("KZ", 1_000), ...numbersLike("RU", 1_000)];
    const raws = numbers
      .map((it) => it.slice(2))
      .filter((it) => it.length === 10)
      .flatMap((it) => [`8${it}`, `8 (${it.slice(0, 3)}) ${it.slice(3)}`]);

    const parsed = await parse(pool, raws);

    expect(parsed.map(({ raw, phone }) => ({ raw, phone }))).toEqual(
      raws.map((raw) => ({ raw, phone: mobileBy(raw, "KZ") })),
    );
  });

  test("takes seven and ten digits for the number with its plus", async ({ pool }) => {
    const numbers = [...numbersLike("KZ", 1_000), ...numbersLike("RU", 1_000)].filter(
      (it) => it.length === 12,
    );

    const parsed = await parse(
      pool,
      numbers.map((it) => it.slice(1)),
    );

    expect(parsed.map((it) => it.phone)).toEqual(numbers.map((it) => mobileBy(it)));
  });

  test("gives a number it gave before for the same number", async ({ pool }) => {
    const first = await parse(pool, numbersLike("KG", 500));
    const phones = first.flatMap((it) => it.phone ?? []);

    const second = await parse(pool, phones);

    expect(second.map((it) => it.phone)).toEqual(phones);
  });

  test("refuses a country when the operator refuses it, and only then", async ({ pool }) => {
    await pool.query(
      "update oncebox.phone_plan set accepted = false where country in ('UZ', 'CA', 'AX')",
    );

    const parsed = await parse(pool, [
      "+998901234567",
      "+14165550123",
      "+12125552345",
      "+358401234567",
    ]);

    expect(parsed.map((it) => it.phone ?? it.problem)).toEqual([
      "country_not_accepted",
      "country_not_accepted",
      "+12125552345",
      // Finland and Åland share their mobile numbers.
      "+358401234567",
    ]);
  });

  test("answers a megabyte at once", async ({ pool }) => {
    const raws = ["7", " ", "(", "+", "ext. ", "7,", "\u00a0", "٧"].map((it) =>
      it.repeat(1_000_000 / it.length),
    );
    const started = performance.now();

    const parsed = await parse(pool, raws);

    expect(parsed.map((it) => it.problem)).toEqual(raws.map(() => "too_long"));
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

/** What libphonenumber makes of it: the number, if it may be able to get an SMS. */
function mobileBy(raw: string, country?: CountryCode): string | null {
  const parsed = parsePhoneNumber(raw, country);
  if (!parsed?.isValid()) return null;
  return ["MOBILE", "FIXED_LINE_OR_MOBILE"].includes(parsed.getType() ?? "") ? parsed.number : null;
}
