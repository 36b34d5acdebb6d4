import { describe, expect, test } from "vitest";
import { readNdjson } from "../../src/cli/register/ndjson.ts";
import { inPieces, read } from "./support/register.ts";

describe("an NDJSON file", () => {
  const oddities: ReadonlyArray<[name: string, text: string, expected: unknown[]]> = [
    [
      "CRLF, blank lines and no newline at the end",
      '{"phone":"1"}\r\n\r\n{"phone":"2"}',
      [
        [1, { phone: "1" }],
        [3, { phone: "2" }],
      ],
    ],
    [
      "U+2028 inside a text",
      '{"name":"A\u2028B"}\n{"name":"C"}\n',
      [
        [1, { name: "A\u2028B" }],
        [2, { name: "C" }],
      ],
    ],
    [
      "a number that JavaScript would round",
      '{"phone":77771234567,"data":{"id":12345678901234567890}}\n',
      [[1, { phone: 77771234567, data: { id: "12345678901234567890" } }]],
    ],
    [
      "a field named like a part of JavaScript",
      '{"__proto__":{"phone":"1"}}\n',
      [[1, JSON.parse('{"__proto__":{"phone":"1"}}')]],
    ],
  ];
  for (const [name, text, expected] of oddities) {
    test(`is read with ${name}`, async () => {
      expect(await read(readNdjson(inPieces(text)))).toEqual(expected);
    });
  }

  const refused: ReadonlyArray<[name: string, line: string, message: string]> = [
    ["an array", "[1]", "the line is an array, wanted an object"],
    ["a text", '"+77771234567"', "the line is a string, wanted an object"],
    ["null", "null", "the line is null, wanted an object"],
    ["half an object", '{"phone": "+7', "the line is not JSON from character 14 on"],
    ["single quotes", "{'phone': '+77771234567'}", "the line is not JSON from character 2 on"],
    [
      "more than 1 MiB",
      `{"name":"${"x".repeat(1_100_000)}"}`,
      "the line is longer than 1024 KiB, wanted one lead",
    ],
  ];
  for (const [name, line, message] of refused) {
    test(`has a line with ${name} refused by its number, and the next one read`, async () => {
      const text = `{"phone":"1"}\n${line}\n{"phone":"3"}\n`;

      expect(await read(readNdjson(inPieces(text, 64_000)))).toEqual([
        [1, { phone: "1" }],
        [2, "refused", message],
        [3, { phone: "3" }],
      ]);
    });
  }

  test("does not show a person when a line is no JSON", async () => {
    const text = '{"phone": "+77771234567" "name": "Айгерим"}\n';

    expect(String(await read(readNdjson(inPieces(text))))).not.toMatch(/7777|Айгерим/);
  });
});
