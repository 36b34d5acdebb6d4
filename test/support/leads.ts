import { type Kysely, sql } from "kysely";
import type { Lead } from "../../src/outbox/lead.ts";
import { registerLeads } from "../../src/outbox/register.ts";

/** A number of its own for each, so that a ledger can be read by person. */
export function phoneOf(index: number): string {
  return `+7701${String(index).padStart(7, "0")}`;
}

/** `count` leads due now, each with an SMS and an email of its own. */
export function makeLeads(count: number, more: Partial<Lead> = {}): Lead[] {
  return Array.from({ length: count }, (_, index) => ({
    name: "Айгерим",
    phone: phoneOf(index),
    email: `lead${index}@example.kz`,
    idempotencyKey: `lead-${index}`,
    dueAt: new Date(),
    ...more,
  }));
}

export async function register(db: Kysely<unknown>, leads: readonly Lead[]): Promise<string[]> {
  const registered = await db.transaction().execute((tx) => registerLeads(tx, leads));
  return registered.map((it) => it.leadId);
}

/** How many notifications are in each state. */
export async function countStates(db: Kysely<unknown>): Promise<Record<string, number>> {
  const { rows } = await sql<{ state: string; count: number }>`
    select state, count(*)::integer as count from oncebox.notification group by state`.execute(db);
  return Object.fromEntries(rows.map((it) => [it.state, it.count]));
}

/** How many times each value is there. */
export function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
