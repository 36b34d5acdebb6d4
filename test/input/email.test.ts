import parseAddresses from "nodemailer/lib/addressparser";
import type pg from "pg";
import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";
import { randomFrom } from "./numbers.ts";

interface Parsed {
  readonly raw: string | null;
  readonly email: string | null;
  readonly problem: string | null;
}

async function parse(pool: pg.Pool, raws: readonly (string | null)[]): Promise<Parsed[]> {
  const { rows } = await pool.query<Parsed>(
    `select given.raw, m.email, m.problem
       from unnest($1::text[]) with ordinality as given (raw, n)
      cross join lateral oncebox.parse_email(given.raw) as m
      order by given.n`,
    [raws],
  );
  return rows;
}

const LONGEST = `${"l".repeat(64)}@${"d".repeat(63)}.${"d".repeat(63)}.${"d".repeat(58)}.kz`;

const TAKEN: ReadonlyArray<[raw: string, email: string]> = [
  ["name@example.kz", "name@example.kz"],
  ["  name@example.kz ", "name@example.kz"],
  ["Name.Surname+Tag@Example.KZ", "Name.Surname+Tag@example.kz"],
  ["o'connor@example.com", "o'connor@example.com"],
  ["!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com"],
  ["a@b.co", "a@b.co"],
  ["1@2.3.kz", "1@2.3.kz"],
  ["a@mail.my-school.edu.kz", "a@mail.my-school.edu.kz"],
  ["a@a--b.kz", "a@a--b.kz"],
  ["a@xn--80a1acny.xn--p1ai", "a@xn--80a1acny.xn--p1ai"],
  ["{{name}}@x.kz", "{{name}}@x.kz"],
  [LONGEST, LONGEST],
];

const REFUSED: ReadonlyArray<[raw: string | null, problem: string]> = [
  [null, "empty"],
  ["", "empty"],
  ["   ", "empty"],
  [`l${LONGEST}`, "too_long"],
  [LONGEST.replace(".kz", "d.kz"), "too_long"],
  [`${"l".repeat(65)}@x.kz`, "too_long"],
  // Each of these made nodemailer send to somebody else, or to more than one.
  ["a@x.test, evil@y.test", "two_addresses"],
  ["a@x.test,evil@y.test", "two_addresses"],
  ["a@x.test; evil@y.test", "two_addresses"],
  ["a@x.test evil@y.test", "two_addresses"],
  ["a@x.test\nevil@y.test", "two_addresses"],
  ["a@x.test\r\nBcc: evil@y.test", "two_addresses"],
  ['"a@evil"@x.test', "two_addresses"],
  ["a@evil@x.test", "two_addresses"],
  ["a@x.test\r\nBcc: evil", "bad_characters"],
  ["a@x.test,", "bad_characters"],
  ["a@x.test\n", "bad_characters"],
  ["\ta@x.test", "bad_characters"],
  ["a@x.test\u00a0", "bad_characters"],
  ["a b@x.test", "bad_characters"],
  ["a@x. test", "bad_characters"],
  ["friends: a@x.test;", "bad_characters"],
  ["Айгерим <a@x.test>", "bad_characters"],
  ["<a@x.test>", "bad_characters"],
  ["mailto:a@x.test", "bad_characters"],
  ['"a b"@x.test', "bad_characters"],
  ["a(comment)@x.test", "bad_characters"],
  ["a\\@x.test", "bad_characters"],
  ["a@[127.0.0.1]", "bad_characters"],
  ["айгерим@x.test", "bad_characters"],
  ["a@почта.рф", "bad_characters"],
  ["a@x.tеst", "bad_characters"],
  ["a@x\u200b.test", "bad_characters"],
  ["a\u0001@x.test", "bad_characters"],
  ["ａ@x.test", "bad_characters"],
  ["plain.example.kz", "no_at"],
  ["нет", "no_at"],
  ["@x.test", "bad_local_part"],
  [".a@x.test", "bad_local_part"],
  ["a.@x.test", "bad_local_part"],
  ["a..b@x.test", "bad_local_part"],
  ["a@", "bad_domain"],
  ["a@localhost", "bad_domain"],
  ["a@x.test.", "bad_domain"],
  ["a@.x.test", "bad_domain"],
  ["a@x..test", "bad_domain"],
  ["a@-x.test", "bad_domain"],
  ["a@x-.test", "bad_domain"],
  ["a@x_y.test", "bad_domain"],
  ["a@x.t", "bad_domain"],
  ["a@x.12", "bad_domain"],
  ["a@127.0.0.1", "bad_domain"],
  ["a@x.xn--", "bad_domain"],
  ["a@x.te-st", "bad_domain"],
  [`a@${"d".repeat(64)}.kz`, "bad_domain"],
];

describe("parse_email", () => {
  test("takes an address as it is, with the domain in lower case", async ({ pool }) => {
    const parsed = await parse(
      pool,
      TAKEN.map(([raw]) => raw),
    );

    expect(parsed).toEqual(TAKEN.map(([raw, email]) => ({ raw, email, problem: null })));
  });

  test("refuses what is not one plain address, and says why", async ({ pool }) => {
    const parsed = await parse(
      pool,
      REFUSED.map(([raw]) => raw),
    );

    expect(parsed).toEqual(REFUSED.map(([raw, problem]) => ({ raw, email: null, problem })));
  });

  test("takes nothing that nodemailer would send to another address", async ({ pool }) => {
    const parsed = await parse(pool, mangled(20_000));
    const taken = parsed.flatMap((it) => it.email ?? []);

    expect(taken.length).toBeGreaterThan(1_000);
    expect(taken.map((it) => parseAddresses(it))).toEqual(
      taken.map((it) => [{ address: it, name: "" }]),
    );
  });

  test("answers a megabyte at once", async ({ pool }) => {
    const raws = ["a", "a.", "@", "a@x.", " ", '"', "\n"].map((it) =>
      it.repeat(1_000_000 / it.length),
    );
    const started = performance.now();

    const parsed = await parse(pool, raws);

    expect(parsed.map((it) => it.problem)).toEqual(raws.map(() => "too_long"));
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

/** Good addresses with a few characters changed for others, most of them dangerous ones. */
function mangled(count: number): string[] {
  const random = randomFrom(1);
  const dangerous = [...`,;:<>()[]"'\\@. \t\r\n+-_=%!/|{}~*?&#$^\`aZ0яé\u00a0\u200b\u202e`];

  return Array.from({ length: count }, () => {
    const characters = [..."first.last+tag@mail.example.kz"];
    for (let changes = random(4); changes > 0; changes -= 1) {
      characters.splice(
        random(characters.length),
        random(3),
        dangerous[random(dangerous.length)] ?? "",
      );
    }
    return characters.join("");
  });
}
