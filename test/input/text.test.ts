import type pg from "pg";
import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";
import { randomFrom } from "./numbers.ts";

async function clean(pool: pg.Pool, raws: readonly string[]): Promise<string[]> {
  return await each(pool, "select oncebox.clean_text(raw)", raws);
}

async function display(pool: pg.Pool, raws: readonly string[]): Promise<(string | null)[]> {
  return await each(pool, "select oncebox.display_name(raw)", raws);
}

async function each<T>(pool: pg.Pool, select: string, raws: readonly string[]): Promise<T[]> {
  const { rows } = await pool.query<{ it: T }>(
    `${select} as it from unnest($1::text[]) with ordinality as given (raw, n) order by n`,
    [raws],
  );
  return rows.map((row) => row.it);
}

/** The texts of people; nothing of them may be lost. */
const KEPT: readonly string[] = [
  "Айгерим Ахметова",
  "Әсел Нұрпейісова-Үміт Қуаныш Жұмабаев Ғалымжан Өмір Іңкәр Һ",
  "Ірина О'Коннор",
  "O’Brien “the great” «сұңқар»",
  "José Nguyễn Đặng Łukasz Øystein",
  "محمد",
  "עברית",
  "王小明",
  "हिन्दी",
  "👍 👩🏽 🇰🇿 ❤️ 1️⃣",
  "Tom & Anna, 50 % — (да) № 5… https://example.kz/r/1?a=1&b=2#c",
];

const CLEANED: ReadonlyArray<[raw: string, text: string]> = [
  ["", ""],
  ["  a  b  ", "a b"],
  ["a\r\nb\tc\u000bd", "a b c d"],
  ["a\u0001\u001b[31mb\u0085c\u007fd", "a [31mb c d"],
  ["a\u00a0b\u2003c\u3000d\u2028e\u2800f", "a b c d e f"],
  ["a\u200bb\u200dc\u00add\ufeffe\u2060f", "abcdef"],
  ["\u202eabc\u202c \u2066d\u2069 \u200fe", "abc d e"],
  ["a\ue000b\u{f0000}c\ufdd0d\u{e0041}e\uffffe", "abcdee"],
  ["👩\u200d👩\u200d👧", "👩👩👧"],
  ["и\u0306 e\u0301", "й é"],
  [
    "Z\u0336\u0317\u0321\u0310\u0346l\u0325\u0325\u0325\u0325\u0325go",
    "Z\u0336\u0317l\u0325\u0325go",
  ],
  ["\u0301a \u0301 b", "a b"],
  ["\ufe0f\ufe0f\ufe0f", ""],
];

const NAMES: ReadonlyArray<[raw: string, name: string | null]> = [
  ["Айгерим", "Айгерим"],
  ["  Айгерим\n Ахметова ", "Айгерим Ахметова"],
  ["Әсел О'Коннор", "Әсел О'Коннор"],
  ["Анна-Мария", "Анна-Мария"],
  ["Ли", "Ли"],
  ["王小明", "王小明"],
  ["محمد", "محمد"],
  ["Айгерим (мама Тимура)", "Айгерим (мама Тимура)"],
  ["Tom & Anna", "Tom & Anna"],
  ["Ахметова А.С.", "Ахметова А.С."],
  ["И.Петров", "И.Петров"],
  ["Ольга, 11 класс", "Ольга, 11 класс"],
  ["Әсел 👍", "Әсел 👍"],
  ["Айгерим/Асель", "Айгерим/Асель"],
  ["", null],
  ["   ", null],
  ["...", null],
  ["👍", null],
  ["2005", null],
  // Links, under our sender.
  ["http://evil.example", null],
  ["hxxp:evil", null],
  ["//evil", null],
  ["www.evil.kz", null],
  ["evil.kz", null],
  ["t.me/joinchat", null],
  ["win at evil.example", null],
  ["win at evil .kz", null],
  ["почта.рф", null],
  ["я.рф", null],
  ["еvil.kz", null],
  ["ｅｖｉｌ．ｋｚ", null],
  ["𝐞𝐯𝐢𝐥.𝐤𝐳", null],
  ["evil。kz", null],
  ["evil\u200b.kz", null],
  ["evil\u2024kz", null],
  ["1.2.3.4", null],
  ["Айгерим@evil", null],
  // Numbers to call back.
  ["Позвони 87771234567", null],
  ["8 777 123", null],
  ["８７７７１２３", null],
  ["Код ٨٧٧٧١", null],
  ["call ①②③④⑤", null],
  // Markup, templates, formulas.
  ["<script>alert(1)</script>", null],
  ["&lt;b&gt;", null],
  ["{{constructor.constructor}}", null],
  ["$\u007bjndi}", null],
  ["{name}", null],
  ["%s%s", null],
  ["[url]x[/url]", null],
  ["=HYPERLINK(1)", null],
  ["+SUM(A)", null],
  ["-cmd|calc", null],
  ["＝cmd", null],
  ["javascript:alert", null],
  ["a\\nb", null],
  ["Айгер\ufffdм", null],
];

const LONG = "Анна-Мария Екатерина Константиновна Преображенская";

const CUTS: ReadonlyArray<[raw: string, length: number, name: string | null]> = [
  [LONG, 50, LONG],
  [LONG, 40, "Анна-Мария Екатерина Константиновна"],
  [LONG, 35, "Анна-Мария Екатерина Константиновна"],
  [LONG, 20, "Анна-Мария Екатерина"],
  [LONG, 10, "Анна-Мария"],
  ["Преображенская Анна", 5, "Преоб"],
  ["a".repeat(10_000), 300, "a".repeat(300)],
  // q with two marks is three characters and one letter.
  ["Aq\u0323\u0307", 4, "Aq\u0323\u0307"],
  ["Aq\u0323\u0307", 3, "A"],
  ["A👍🏽", 2, "A"],
  ["Анна", 0, null],
  ["Анна", -1, null],
];

describe("clean_text", () => {
  test("keeps letters of every script, emoji and punctuation", async ({ pool }) => {
    expect(await clean(pool, KEPT)).toEqual(KEPT);
  });

  test("removes what cannot be seen, and puts everything on one line", async ({ pool }) => {
    const cleaned = await clean(
      pool,
      CLEANED.map(([raw]) => raw),
    );

    expect(cleaned).toEqual(CLEANED.map(([, text]) => text));
  });

  test("leaves nothing for a second time, whatever the text", async ({ pool }) => {
    const once = await clean(pool, noise(3_000));

    expect(await clean(pool, once)).toEqual(once);
    expect(
      once.filter((it) => /\p{Cc}|\p{Co}|\p{Bidi_Control}|^ | $| {2}|\u200d/u.test(it)),
    ).toEqual([]);
    expect(once.map((it) => it.normalize("NFC"))).toEqual(once);
  });

  test("normalises a long text as a short one", async ({ pool }) => {
    const long = "ко\u0438\u0306нди\u0440 ".repeat(5_000);

    const [cleaned] = await clean(pool, [long]);

    expect(cleaned).toBe(long.normalize("NFC").trim());
  });

  test("gets through half a million hostile marks", async ({ pool }) => {
    const started = performance.now();

    // In the wrong order: normalize() alone would sort them for minutes.
    await clean(pool, [
      "\u0301\u0316".repeat(250_000),
      `${"\u0301".repeat(250_000)}${"\u0316".repeat(250_000)}`,
      `a${"\u0951".repeat(250_000)}${"\u093c".repeat(250_000)}`,
    ]);

    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test("answers null for null", async ({ pool }) => {
    const { rows } = await pool.query("select oncebox.clean_text(null) as it");

    expect(rows).toEqual([{ it: null }]);
  });
});

describe("display_name", () => {
  test("is the name, or null when it may be something else", async ({ pool }) => {
    const names = await display(
      pool,
      NAMES.map(([raw]) => raw),
    );

    expect(names.map((name, n) => [NAMES[n]?.[0], name])).toEqual(NAMES);
  });

  test("cuts a long name at a word, and never between a letter and its marks", async ({ pool }) => {
    const cut = await Promise.all(
      CUTS.map(async ([raw, length]) => {
        const { rows } = await pool.query("select oncebox.display_name($1, $2) as name", [
          raw,
          length,
        ]);
        return [raw, length, rows[0].name];
      }),
    );

    expect(cut).toEqual(CUTS);
  });

  test("is never longer than 40 characters or unclean, whatever the text", async ({ pool }) => {
    const names = (await display(pool, noise(3_000))).flatMap((it) => it ?? []);

    expect(names.length).toBeGreaterThan(300);
    expect(names.filter((it) => [...it].length > 40)).toEqual([]);
    expect(await clean(pool, names)).toEqual(names);
  });

  test("answers a megabyte at once", async ({ pool }) => {
    const started = performance.now();

    await display(
      pool,
      ["a", "a ", "\ufdfa", "Z\u0301\u0316", "a.", "1 ("].map((it) =>
        it.repeat(1_000_000 / it.length),
      ),
    );

    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

/** Texts of letters, spaces, marks and everything that is to be removed. */
function noise(count: number): string[] {
  const random = randomFrom(2);
  const from = [
    ..."aZ9 .,'-яӘқم王ह",
    ..."\u0301\u0316\u0306\u0327\u0344\u05b0\u064b\u0e38\u0e48\u20dd\ufe0f\u3099",
    ..."\t\n\u0001\u007f\u0085\u00a0\u00ad\u200b\u200d\u200e\u202e\u2028\u2066\u3000\ue000\ufeff\ufffd",
    ..."\u1e9b\u2126\u212b\u1100\u1161\u11a8\u{1d15e}\u{1f600}\u{1f3fd}\u{1f1f0}\u{e0041}\u{f0000}",
  ];
  return Array.from({ length: count }, () =>
    Array.from({ length: random(60) }, () => from[random(random(2) === 0 ? 13 : from.length)]).join(
      "",
    ),
  );
}
