import { describe, expect, test } from "vitest";
import { contentKey, toLeadRecord } from "../../src/cli/register/record.ts";

function map(fields: Record<string, unknown>, defaults = {}): unknown {
  const mapped = toLeadRecord(new Map(Object.entries(fields)), defaults);
  if ("refusal" in mapped) return mapped.refusal.message;
  const { idempotency_key: _, ...record } = mapped.record;
  return record;
}

function keyOf(fields: Record<string, unknown>, defaults = {}): unknown {
  const mapped = toLeadRecord(new Map(Object.entries(fields)), defaults);
  return "record" in mapped ? mapped.record.idempotency_key : mapped.refusal;
}

describe("a record", () => {
  const cases: ReadonlyArray<[name: string, fields: Record<string, unknown>, expected: unknown]> = [
    [
      "keeps the fields of a lead and puts the others into data",
      { phone: "1", city: "Алматы" },
      { phone: "1", data: { city: "Алматы" } },
    ],
    [
      "leaves empty and blank cells out",
      { phone: "1", email: "", name: " ", city: "", age: null },
      { phone: "1" },
    ],
    [
      "takes data as JSON in a cell",
      { phone: "1", data: '{"a": 1}', city: "x" },
      { phone: "1", data: { city: "x", a: 1 } },
    ],
    [
      "takes data as an object",
      { phone: "1", data: { a: true } },
      { phone: "1", data: { a: true } },
    ],
    ["takes a number for a text", { phone: 77771234567 }, { phone: "77771234567" }],
    [
      "is refused when data is no JSON",
      { phone: "1", data: "{a}" },
      "data is not JSON, wanted an object",
    ],
    [
      "is refused when data is an array",
      { phone: "1", data: "[1]" },
      "data is an array, wanted an object",
    ],
    ["is refused when a text is an object", { phone: { a: 1 } }, "phone is an object, wanted text"],
    [
      "is refused when a variable is given twice",
      { phone: "1", city: "x", data: { city: "y" } },
      '"city" is given twice, in data and beside it',
    ],
    [
      "is refused when a text was not UTF-8",
      { phone: "1", name: "\uFFFD\uFFFD" },
      '"name" has bytes that are not UTF-8, wanted text that can be read',
    ],
    [
      "is refused when a variable was not UTF-8",
      { phone: "1", city: "\uFFFD" },
      '"city" has bytes that are not UTF-8, wanted text that can be read',
    ],
  ];
  for (const [name, fields, expected] of cases) {
    test(name, () => {
      expect(map(fields)).toEqual(expected);
    });
  }

  test("takes a default only for what it lacks itself", () => {
    const defaults = { source: "import", kind: "proftest", due_at: "now" };

    expect(map({ phone: "1", source: "form", due_at: "" }, defaults)).toEqual({
      phone: "1",
      source: "form",
      kind: "proftest",
      due_at: "now",
    });
  });
});

describe("a key made of a record's content", () => {
  const lead = { name: "A", phone: "1", result_url: "u", city: "c" };

  test("is not made for a record that brings its own", () => {
    expect(keyOf({ ...lead, idempotency_key: "form-1" })).toBe("form-1");
  });

  test("stays the same from one version to the next, or files would be registered again", () => {
    expect(keyOf(lead)).toBe("content:0163d0e6888c30978548d1b931b56b0f");
  });

  const same: ReadonlyArray<[name: string, fields: Record<string, unknown>, defaults: object]> = [
    ["the order of the columns", { city: "c", result_url: "u", phone: "1", name: "A" }, {}],
    ["when it is due", { ...lead, due_at: "now" }, {}],
    ["a default for when it is due", lead, { due_at: "now" }],
    ["until when it may be sent", { ...lead, expires_at: "2027-01-01" }, {}],
    ["the source, which keys are unique in", lead, { source: "import" }],
    ["the default kind, said or not", lead, { kind: "proftest" }],
    ["a number where a text is meant", { ...lead, phone: 1 }, {}],
    ["empty cells", { ...lead, email: "" }, {}],
    [
      "data in one column or in several",
      { name: "A", phone: "1", data: { result_url: "u", city: "c" } },
      {},
    ],
  ];
  for (const [name, fields, defaults] of same) {
    test(`does not depend on ${name}`, () => {
      expect(keyOf(fields, defaults)).toBe(keyOf(lead));
    });
  }

  for (const [field, value] of Object.entries({
    name: "B",
    phone: "2",
    email: "a@example.kz",
    kind: "other",
    sms_text: "t",
    email_subject: "s",
    email_text: "t",
    city: "d",
  })) {
    test(`depends on ${field}`, () => {
      expect(contentKey({ ...lead, [field]: value })).not.toBe(contentKey(lead));
    });
  }
});
