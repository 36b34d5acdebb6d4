import type pg from "pg";
import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";

async function render(
  pool: pg.Pool,
  template: string | null,
  variables: unknown,
): Promise<string | null> {
  const { rows } = await pool.query<{ text: string | null }>(
    "select oncebox.render($1, $2::jsonb) as text",
    [template, JSON.stringify(variables)],
  );
  return rows[0]?.text ?? null;
}

const RENDERED: ReadonlyArray<[template: string, variables: unknown, text: string]> = [
  ["", {}, ""],
  ["no tags", { no: "yes" }, "no tags"],
  ["{{name}}", { name: "Айгерим" }, "Айгерим"],
  ["Здравствуйте, {{name}}! 👍", { name: "Әсел" }, "Здравствуйте, Әсел! 👍"],
  ["{{ name }}|{{  name  |  x  }}", { name: "A" }, "A|A"],
  ["{{a}}{{b}}{{a}}", { a: "1", b: "2" }, "121"],
  ["line\n{{a}}\n\nline", { a: "x" }, "line\nx\n\nline"],
  // Defaults.
  ["{{name|друг}}", {}, "друг"],
  ["{{name|друг}}", { name: null }, "друг"],
  ["{{name|друг}}", { name: "" }, "друг"],
  ["{{name|друг}}", { name: " \n " }, "друг"],
  ["{{name|}}", {}, ""],
  ["{{name}}!", {}, "!"],
  ["{{a|x|y}}", {}, "x|y"],
  ["{{a|два слова: 1, 2}}", {}, "два слова: 1, 2"],
  // Values.
  ["{{n}} {{d}} {{t}} {{f}}", { n: 42, d: 1.5, t: true, f: false }, "42 1.5 true false"],
  ["[{{o}}{{a}}]", { o: { x: 1 }, a: [1] }, "[]"],
  ["{{o|d}}", { o: { x: 1 } }, "d"],
  ["{{x}}", { x: "a\r\nBcc: b\u0001\u202ec" }, "a Bcc: b c"],
  ["{{url}}", { url: "https://example.kz/r/1?a=1&b=%20#c" }, "https://example.kz/r/1?a=1&b=%20#c"],
  // A value is never a template, nor a replacement pattern.
  ["{{a}} {{b}}", { a: "{{b}}", b: "secret" }, "{{b}} secret"],
  ["{{a}}{{b}}", { a: "{{", b: "a}}" }, "{{a}}"],
  ["{{a}}", { a: "\\1 \\& $1 $& %s {0}" }, "\\1 \\& $1 $& %s {0}"],
  ["{{a}}b}}", { a: "{{" }, "{{b}}"],
  ["{{constructor}}{{__proto__}}", {}, ""],
  // Braces that are no tag stay.
  ["{name} {{}} {{ }} {{|x}}", { name: "A" }, "{name} {{}} {{ }} {{|x}}"],
  ["{{name", { name: "A" }, "{{name"],
  ["name}}", { name: "A" }, "name}}"],
  ["{{{name}}}", { name: "A" }, "{A}"],
  ["{{a {{b}} c}}", { b: "B" }, "{{a B c}}"],
  ["{{a|x{y}}", {}, "{{a|x{y}}"],
  ["{{имя}} {{1a}} {{a-b}} {{a.b}}", { имя: "A" }, "{{имя}} {{1a}} {{a-b}} {{a.b}}"],
  ["{{_a1}}", { _a1: "x" }, "x"],
  ["{{Name}}{{name}}", { Name: "A", name: "b" }, "Ab"],
  // No variables at all.
  ["{{a|x}}{{b}}", null, "x"],
  ["{{a|x}}", [1], "x"],
  ["{{a|x}}", "text", "x"],
];

const REQUIRED: ReadonlyArray<[template: string | null, variables: readonly string[]]> = [
  ["", []],
  [null, []],
  ["no tags {x} {{", []],
  ["{{b}} {{a}} {{ b }}", ["a", "b"]],
  ["{{name|друг}} {{url}}", ["url"]],
  ["{{a|x}} {{a}}", ["a"]],
  ["{{a|}}", []],
  ["{{b}}{{_}}{{B}}{{a}}", ["B", "_", "a", "b"]],
  ["{{{x}}} {{y", ["x"]],
];

describe("render", () => {
  test("replaces tags by values and defaults, and touches nothing else", async ({ pool }) => {
    const rendered = await Promise.all(
      RENDERED.map(async ([template, variables]) => [
        template,
        variables,
        await render(pool, template, variables),
      ]),
    );

    expect(rendered).toEqual(RENDERED);
  });

  test("answers null for no template, and takes null for no variables", async ({ pool }) => {
    const { rows } = await pool.query(
      "select oncebox.render(null, '{}') as a, oncebox.render('{{x|y}}', null) as b",
    );

    expect(rows).toEqual([{ a: null, b: "y" }]);
  });

  test("is done with long and hostile templates at once", async ({ pool }) => {
    const templates = ["{{", "{{a|", "{{ a ", "{{a|b", "{{a}}", "}}{{", "{{a|{{", "{ {"].map((it) =>
      it.repeat(20_000),
    );
    const started = performance.now();

    for (const template of templates) await render(pool, template, { a: "x" });

    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe("template_variables", () => {
  test("names what a template cannot do without", async ({ pool }) => {
    const found = await Promise.all(
      REQUIRED.map(async ([template]) => {
        const { rows } = await pool.query<{ it: string[] }>(
          "select oncebox.template_variables($1) as it",
          [template],
        );
        return [template, rows[0]?.it];
      }),
    );

    expect(found).toEqual(REQUIRED);
  });
});
