import { type Kysely, sql } from "kysely";
import { type Check, ok } from "./checks.ts";

/** How many rows break a rule. */
export interface BrokenRule {
  readonly rule: string;
  readonly count: number;
  /** One of them. */
  readonly example: string;
}

/** Reads every notification and attempt. */
export async function readBrokenRules(db: Kysely<unknown>): Promise<BrokenRule[]> {
  const { rows } = await sql<BrokenRule>`
    select r.rule, count(*)::integer as count, min(r.notification_id)::text as example
      from oncebox.broken_rules as r
     group by r.rule
     order by r.rule`.execute(db);
  return rows;
}

export function checkRules(broken: readonly BrokenRule[]): Check {
  const name = "rules";
  if (broken.length === 0) return ok(name, "no row breaks one");
  const each = broken.map((it) => `${it.rule}: ${it.count}, such as notification ${it.example}`);
  return {
    name,
    status: "fail",
    means: `rows that were changed by hand, or a fault of oncebox: ${each.join("; ")}`,
    remedy: "select * from oncebox.broken_rules; docs/operating.md",
  };
}
