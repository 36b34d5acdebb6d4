import type { Difference } from "../db/drift.ts";
import { type Check, ok } from "./checks.ts";
import type { RolesState } from "./roles.ts";

/** More than that are told by oncebox migrate check. */
const MOST_NAMED = 5;

/** Whether the schema is what this version made. */
export function checkDrift(differences: readonly Difference[]): Check {
  const name = "drift";
  if (differences.length === 0) return ok(name, "the schema is as this version made it");
  return {
    name,
    status: "fail",
    means: `somebody changed it: ${named(differences.map((it) => `${it.what} ${it.object}`))}`,
    remedy: "oncebox migrate check says what, oncebox migrate up puts functions and views back",
  };
}

/** Whether each role may do what is declared, and no more. */
export function checkRoles({ areApplied, differences, remarks }: RolesState): Check {
  const name = "roles";
  if (differences.length > 0) {
    return {
      name,
      status: "fail",
      means: `not as declared: ${named(differences)}`,
      remedy: areApplied ? "oncebox migrate roles --apply" : "oncebox migrate up",
    };
  }
  if (remarks.length > 0) {
    return { name, status: "warn", means: named(remarks), remedy: "docs/dba.md" };
  }
  return ok(name, areApplied ? "each may do what is declared" : "not in use: one owner does all");
}

function named(texts: readonly string[]): string {
  const rest = texts.length - MOST_NAMED;
  const more = rest > 0 ? [`and ${rest} more`] : [];
  return [...texts.slice(0, MOST_NAMED), ...more].join("; ");
}
