import type { FastifySchemaCompiler } from "fastify";
import type { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import { type FieldError, HttpError } from "./problem.ts";

type Issue = z.core.$ZodRawIssue;

/** Whether something has a shape: the value as the shape gives it, or 400 with every field that is wrong. */
export function check<T>(
  shape: z.ZodType<T>,
  given: unknown,
  whole = "the body",
): { readonly value: T } | { readonly error: HttpError } {
  const parsed = shape.safeParse(given, { error: (issue) => say(issue, whole) });
  if (parsed.success) return { value: parsed.data };
  const errors = parsed.error.issues.flatMap((issue): FieldError[] => {
    const field = issue.path.join(".") || null;
    if (issue.code !== "unrecognized_keys") {
      return [{ field, message: issue.message, hint: "/docs has every field." }];
    }
    return issue.keys.map((key) => {
      const name = [...issue.path, key].join(".").slice(0, 60);
      return {
        field: name,
        message: `${JSON.stringify(name)} is not taken here`,
        hint: "Look for a slip in its name. Variables of a lead's texts belong into data.",
      };
    });
  });
  return { error: wrongFields(errors) };
}

/** For fastify: checks a part of a request by its zod schema. */
export const compileCheck: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const whole = httpPart === "querystring" ? "the query" : "the body";
  return (given) => check(schema, given, whole);
};

export function wrongFields(
  errors: readonly FieldError[],
  code: ErrorCode = "ONCEBOX_INPUT_INVALID",
): HttpError {
  return new HttpError(400, code, errors.map((it) => it.message).join("; "), {
    hint: errors.length === 1 ? (errors[0]?.hint ?? "") : "Correct what errors lists.",
    errors,
  });
}

/** What was got and what is wanted; never what was in it, which may be a person's. */
function say(issue: Issue, whole: string): string | undefined {
  const name = issue.path?.join(".") || whole;
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined
        ? `${name} is missing, wanted ${withArticle(issue.expected)}`
        : `${name} is ${kindOf(issue.input)}, wanted ${withArticle(issue.expected)}`;
    case "invalid_value":
      return `${name} is none of ${issue.values.join(", ")}`;
    case "too_big":
      return `${name} ${sizeOf(issue)}, wanted at most ${issue.maximum}`;
    case "too_small":
      return `${name} ${sizeOf(issue)}, wanted at least ${issue.minimum}`;
    case "invalid_format":
      return issue.format === "uuid"
        ? `${name} is no UUID, wanted one such as 3f1e0f5c-2b6a-4c53-9d0a-0b6d3a2f1c44`
        : `${name} is no id, wanted one such as 1042`;
    default:
      return undefined;
  }
}

function sizeOf({ origin, input }: Issue & { readonly origin: string }): string {
  if (origin === "string") return `has ${(input as string).length} characters`;
  if (origin === "array") return `has ${(input as unknown[]).length} records`;
  return `is ${String(input)}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return Number.isNaN(value) ? "no number" : withArticle(typeof value);
}

const NAMES: Readonly<Record<string, string>> = { record: "object", int: "whole number" };

function withArticle(type: string): string {
  const name = NAMES[type] ?? type;
  return `${/^[aeiou]/.test(name) ? "an" : "a"} ${name}`;
}
