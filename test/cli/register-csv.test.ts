import { describe, expect, test } from "vitest";
import { readCsv } from "../../src/cli/register/csv.ts";
import { inPieces, read } from "./support/register.ts";

async function readText(text: string): Promise<unknown[]> {
  return await read(readCsv(inPieces(text), text.trimStart().split(/[\r\n]/, 1)[0] ?? ""));
}

describe("a CSV file", () => {
  const oddities: ReadonlyArray<[name: string, text: string, expected: unknown[]]> = [
    [
      "plain rows",
      "name,phone\nA,1\nB,2\n",
      [
        [2, { name: "A", phone: "1" }],
        [3, { name: "B", phone: "2" }],
      ],
    ],
    ["no newline at the end", "name,phone\nA,1", [[2, { name: "A", phone: "1" }]]],
    [
      "CRLF",
      "name,phone\r\nA,1\r\nB,2\r\n",
      [
        [2, { name: "A", phone: "1" }],
        [3, { name: "B", phone: "2" }],
      ],
    ],
    [
      "CR alone, as old Macs wrote",
      "name,phone\rA,1\rB,2",
      [
        [2, { name: "A", phone: "1" }],
        [3, { name: "B", phone: "2" }],
      ],
    ],
    [
      "line ends of two systems in one file",
      "name,phone\r\nA,1\nB,2\r\n",
      [
        [2, { name: "A", phone: "1" }],
        [3, { name: "B", phone: "2" }],
      ],
    ],
    [
      "blank lines",
      "\n\nname,phone\n\nA,1\n\n  \nB,2\n\n",
      [
        [5, { name: "A", phone: "1" }],
        [8, { name: "B", phone: "2" }],
      ],
    ],
    ["rows of empty cells", "name,phone\n,\n , \nA,1\n", [[4, { name: "A", phone: "1" }]]],
    [
      "spaces around cells and quotes",
      'name, phone\n A , "1" \n',
      [[2, { name: "A", phone: "1" }]],
    ],
    ["doubled quotes", 'name,phone\n"Bar ""Alma""",1\n', [[2, { name: 'Bar "Alma"', phone: "1" }]]],
    ["a quoted delimiter", 'name,phone\n"Ivan, Jr.",1\n', [[2, { name: "Ivan, Jr.", phone: "1" }]]],
    [
      "letters of several bytes",
      "name,phone\nӘсел,1\n😀,2\n",
      [
        [2, { name: "Әсел", phone: "1" }],
        [3, { name: "😀", phone: "2" }],
      ],
    ],
    ["a NUL", "name,phone\nA\0B,1\n", [[2, { name: "A\0B", phone: "1" }]]],
    [
      "semicolons, as Excel writes in Russian",
      'name;phone\n"A;B";1,5\n',
      [[2, { name: "A;B", phone: "1,5" }]],
    ],
    [
      "tabs",
      'name\tphone\n"A\tB"\t1\n\t2\n',
      [
        [2, { name: "A\tB", phone: "1" }],
        [3, { name: "", phone: "2" }],
      ],
    ],
    [
      "column names in other cases and in quotes",
      '"Name", PHONE ,Город\nA,1,Алматы\n',
      [[2, { name: "A", phone: "1", Город: "Алматы" }]],
    ],
    [
      "a column named like a part of JavaScript",
      "phone,__proto__\n1,x\n",
      [[2, JSON.parse('{"phone": "1", "__proto__": "x"}')]],
    ],
    ["a header without rows", "name,phone\n", []],
  ];
  for (const [name, text, expected] of oddities) {
    test(`is read with ${name}`, async () => {
      expect(await readText(text)).toEqual(expected);
    });
  }

  const places: ReadonlyArray<[name: string, newline: string]> = [
    ["LF", "\n"],
    ["CRLF", "\r\n"],
  ];
  for (const [name, newline] of places) {
    test(`counts a record's line where it begins, with quoted line breaks by ${name}`, async () => {
      const text = ["name,phone", '"A', "", 'A",1', "B,2", "", '"C', 'C",3', "D,4", ""].join(
        newline,
      );

      const lines = (await readText(text)).map((it) => (it as [number])[0]);

      expect(lines).toEqual([2, 5, 7, 9]);
    });
  }

  const refused: ReadonlyArray<[name: string, row: string, message: string]> = [
    ["too few cells", "A", "the record has 1 cell, wanted 2 as in the header"],
    ["too many cells", "A,1,2", "the record has 3 cells, wanted 2 as in the header"],
  ];
  for (const [name, row, message] of refused) {
    test(`has a record with ${name} refused, and the next one read`, async () => {
      expect(await readText(`name,phone\n${row}\nB,2\n`)).toEqual([
        [2, "refused", message],
        [3, { name: "B", phone: "2" }],
      ]);
    });
  }

  const broken: ReadonlyArray<[name: string, rows: string, what: string]> = [
    ["a quote that is never closed", '"B,2\nC,3\n', "has a quote that is opened and never closed"],
    ["text after a quoted cell", '"B"x,2\nC,3\n', "has a quote inside a quoted cell"],
    ["more text after a quoted cell", '"B" x,2\nC,3\n', "has text after a quoted cell"],
    ["a quote in the middle of a cell", 'B "b" B,2\nC,3\n', "has a quote in the middle of a cell"],
    [
      "a record of more than 1 MiB",
      `"${"x".repeat(1_100_000)}",2\nC,3\n`,
      "is larger than 1024 KiB, as if a quote was never closed",
    ],
  ];
  for (const [name, rows, what] of broken) {
    test(`ends at ${name}, with everything before it read`, async () => {
      const text = `name,phone\nA,1\n\n${rows}`;

      const said = await read(readCsv(inPieces(text, 64_000), "name,phone"));

      expect(said).toEqual([
        [2, { name: "A", phone: "1" }],
        [4, "broken", `the record that begins here ${what}; nothing from here on was read`],
      ]);
    });
  }
});

describe("a CSV header", () => {
  const wrong: ReadonlyArray<[name: string, header: string, problem: string]> = [
    [
      "has neither phone nor email",
      "name,source,Телефон",
      "got 3 columns, none of them phone or email (known are name, source)",
    ],
    ["has the same column twice", "name,phone,Phone", 'columns 2 and 3 are both called "phone"'],
    ["has a column without a name", "phone,,name", "column 2 of 3 has no name"],
    [
      "hides a control character in a name that is there twice",
      "phone,a\u009bb,a\u009bb",
      'columns 2 and 3 are both called "a\\u009bb"',
    ],
  ];
  for (const [name, header, problem] of wrong) {
    test(`that ${name} is refused with the column`, async () => {
      await expect(readText(`${header}\n1,2,3\n`)).rejects.toMatchObject({
        code: "ONCEBOX_INPUT_INVALID",
        message: `the header of --file is wrong: ${problem}`,
      });
    });
  }

  test("that is missing does not show the person who stands in its place", async () => {
    const text = "Айгерим,+7 777 123 45 67,a@example.kz\n";

    const error = await readText(text).catch((it: unknown) => it);

    expect(error).toMatchObject({ code: "ONCEBOX_INPUT_INVALID" });
    expect(String(error)).not.toMatch(/Айгерим|777|example/);
  });
});
