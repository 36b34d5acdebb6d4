import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

type Entry = string | Readonly<Record<string, string>>;
type Dictionary = Readonly<Record<string, Entry>>;

const { en } = (await import("../../dashboard/en.js" as string)) as { en: Dictionary };
const { ru } = (await import("../../dashboard/ru.js" as string)) as { ru: Dictionary };

describe("the dashboard's texts", () => {
  test("are the same in both languages, in the same order", () => {
    expect(Object.keys(ru)).toEqual(Object.keys(en));
  });

  test("have every form that the language counts in", () => {
    for (const [language, dictionary] of Object.entries({ en, ru })) {
      const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories.toSorted();
      for (const [key, entry] of Object.entries(dictionary)) {
        if (typeof entry === "string") continue;
        expect([key, Object.keys(entry).toSorted()]).toEqual([key, forms]);
      }
    }
  });

  test("name the same values", () => {
    for (const key of Object.keys(en)) {
      expect([key, valuesOf(ru[key])]).toEqual([key, valuesOf(en[key])]);
    }
  });

  test("are all shown somewhere", () => {
    const source = globSync("dashboard/**/*.js", {
      exclude: ["dashboard/en.js", "dashboard/ru.js"],
    })
      .map((file) => readFileSync(file, "utf8"))
      .join("\n");
    // What is put together says its first part: t(`page.${name}`), tWord("state", word).
    const prefixes = [
      ...[...source.matchAll(/`([a-z_]+\.(?:[a-z_]+_)?)\$\{/g)].map(([, prefix = ""]) => prefix),
      ...[...source.matchAll(/tWord\(\s*"(\w+)"/g)].map(([, prefix]) => `${prefix}.`),
      ...["lost.", "trouble.", "state.", "channel.", "delivery."],
    ];

    const unused = Object.keys(en).filter(
      (key) => !source.includes(`"${key}"`) && !prefixes.some((prefix) => key.startsWith(prefix)),
    );

    expect(unused).toEqual([]);
  });
});

/** The names in braces, of all forms together. */
function valuesOf(entry: Entry | undefined): string[] {
  const text = typeof entry === "string" ? entry : Object.values(entry ?? {}).join(" ");
  return [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name))].toSorted();
}

describe("the dashboard's page", () => {
  const page = readFileSync("dashboard/index.html", "utf8");
  const files = globSync("dashboard/**/*.js");

  test("has no script, style or handler of its own but the import map", () => {
    expect(page.match(/<script(?![^>]* src=)[^>]*>/g)).toEqual(['<script type="importmap">']);
    expect(page).not.toMatch(/<style|\sstyle=|\son\w+=/);
  });

  test("never makes markup of a text", () => {
    const offenders = files.filter((file) =>
      /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|\seval\(/.test(
        readFileSync(file, "utf8"),
      ),
    );

    expect(files.length).toBeGreaterThan(20);
    expect(offenders).toEqual([]);
  });

  test("loads nothing from elsewhere", () => {
    const offenders = globSync("dashboard/**/*.{js,css,html}").filter((file) =>
      /(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]{2,}/i.test(
        readFileSync(file, "utf8").replaceAll("http://www.w3.org/", ""),
      ),
    );

    expect(offenders).toEqual([]);
  });
});
