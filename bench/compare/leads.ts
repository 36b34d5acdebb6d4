import type { Lead } from "../contestants/contestant.ts";

/** A person of each number, with a phone that is in no other. */
export function leadOf(index: number, dueAt: Date, email: string | null = null): Lead {
  return { name: "Айгерим", phone: phoneOf(index), email, dueAt };
}

function phoneOf(index: number): string {
  return `+7701${String(index).padStart(7, "0")}`;
}

/** As the gateway knows it. */
export function digitsOf(lead: Lead): string {
  return lead.phone.slice(1);
}

export function leadsFrom(first: number, count: number, dueAt: Date): Lead[] {
  return Array.from({ length: count }, (_, index) => leadOf(first + index, dueAt));
}
