import { type Kysely, sql } from "kysely";

interface LeadProblem {
  /** Null for the whole. */
  readonly field: string | null;
  readonly message: string;
  readonly hint: string;
}

/** Every field of a record that is wrong: what refuses a record names the first one only. */
export async function findLeadProblems(
  db: Kysely<unknown>,
  record: Readonly<Record<string, unknown>>,
): Promise<LeadProblem[]> {
  const { rows } = await sql<{ problem: LeadProblem }>`
    select problem from oncebox.lead_problems(${JSON.stringify(record)}::jsonb)`.execute(db);
  return rows.map(({ problem: { field, message, hint } }) => ({ field, message, hint }));
}
