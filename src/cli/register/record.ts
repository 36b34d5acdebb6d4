import { createHash } from "node:crypto";
import { type LeadRecord, toRecord } from "../../outbox/lead.ts";
import type { Refusal } from "../../outbox/register.ts";
import { quoted } from "./printable.ts";

/** What a place in a file turned out to be. */
export type FileRecord =
  | {
      readonly kind: "fields";
      /** The line it begins on, from 1. */
      readonly line: number;
      /** How much of the file it takes, for the size of a transaction. */
      readonly size: number;
      readonly fields: ReadonlyMap<string, unknown>;
    }
  /** This record cannot be read; the next one can. */
  | { readonly kind: "refused"; readonly line: number; readonly refusal: Refusal }
  /** Nothing after this place can be read: the last thing that a reader says. */
  | { readonly kind: "broken"; readonly line: number | null; readonly refusal: Refusal };

/** For records that have none of their own; as Postgres reads them. */
export interface Defaults {
  readonly source?: string | undefined;
  readonly kind?: string | undefined;
  readonly due_at?: string | undefined;
  readonly expires_at?: string | undefined;
}

/** The names of `register_lead`'s arguments; every other name is a variable of the texts. */
export const LEAD_FIELDS: ReadonlySet<string> = new Set(Object.keys(toRecord({})));

/** Read here or larger, and a record is no lead: one at every limit of `register_lead` has 150 KB. */
export const MAX_RECORD_BYTES = 1024 * 1024;

/** What `register_lead` takes when it is given no kind. */
const DEFAULT_KIND = "proftest";

export function refusal(field: string | null, message: string, hint: string): Refusal {
  return { code: "OB001", field, message, hint };
}

/** A record's fields as `register_leads` takes them, or what is wrong with them. */
export function toLeadRecord(
  fields: ReadonlyMap<string, unknown>,
  defaults: Defaults,
): { readonly record: LeadRecord } | { readonly refusal: Refusal } {
  const given = [...fields].filter(([, value]) => !isBlank(value));
  const damaged = given.find(([, value]) => JSON.stringify(value).includes("\uFFFD"));
  if (damaged !== undefined) return { refusal: notUtf8(damaged[0]) };

  const arguments_ = given.filter(([name]) => LEAD_FIELDS.has(name) && name !== "data");
  const structured = arguments_.find(([, value]) => typeof value === "object");
  if (structured !== undefined) {
    const [name, value] = structured;
    return {
      refusal: refusal(name, `${name} is ${kindOf(value)}, wanted text`, "Put it in quotes."),
    };
  }
  const data = readData(
    new Map(given.filter(([name]) => !LEAD_FIELDS.has(name))),
    given.find(([name]) => name === "data")?.[1],
  );
  if ("refusal" in data) return data;

  const record: LeadRecord = {
    ...Object.fromEntries(Object.entries(defaults).filter(([, value]) => value !== undefined)),
    ...Object.fromEntries(arguments_.map(([name, value]) => [name, String(value)])),
    ...(data.size > 0 && { data: Object.fromEntries(data) }),
  };
  if ("idempotency_key" in record) return { record };
  return { record: { ...record, idempotency_key: contentKey(record) } };
}

function isBlank(value: unknown): boolean {
  return (
    value === null || value === undefined || (typeof value === "string" && value.trim() === "")
  );
}

/** The column or field `data` and the other columns, as one. */
function readData(
  others: ReadonlyMap<string, unknown>,
  given: unknown,
): ReadonlyMap<string, unknown> | { readonly refusal: Refusal } {
  if (given === undefined) return others;
  const data = typeof given === "string" ? parseJson(given) : given;
  const hint = 'Write it as {"result_url": ".."}.';
  if (data === undefined)
    return { refusal: refusal("data", "data is not JSON, wanted an object", hint) };
  if (kindOf(data) !== "an object") {
    return { refusal: refusal("data", `data is ${kindOf(data)}, wanted an object`, hint) };
  }
  const entries = Object.entries(data as object);
  const twice = entries.find(([name]) => others.has(name));
  if (twice === undefined) return new Map([...others, ...entries]);
  const name = quoted(twice[0]);
  return {
    refusal: refusal(
      "data",
      `${name} is given twice, in data and beside it`,
      "Leave one of them out: what is not a field of a lead becomes part of its data.",
    ),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function notUtf8(name: string): Refusal {
  return refusal(
    LEAD_FIELDS.has(name) ? name : "data",
    `${quoted(name)} has bytes that are not UTF-8, wanted text that can be read`,
    'Save the file as UTF-8 (in Excel "CSV UTF-8") and run the same command again.',
  );
}

/**
 * The idempotency key of a record that brings none: the same content is the same registration,
 * however often its file is read.
 *
 * It covers what the person gets and not when, so that a later run with another `--due` does not
 * register anyone again; nor the source, because keys are unique per source anyway. It has to
 * cover all that the database compares behind a key, or the same key would come with other content.
 */
export function contentKey(record: LeadRecord): string {
  const { source: _, due_at: __, expires_at: ___, ...content } = record;
  const canonical = JSON.stringify(sortKeys({ kind: DEFAULT_KIND, ...content }));
  return `content:${createHash("sha256").update(canonical).digest("hex").slice(0, 32)}`;
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, it]) => [key, sortKeys(it)]));
}
