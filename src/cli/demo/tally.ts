import Table from "cli-table3";
import type { SmsRecord } from "../../sandbox/mobizon.ts";
import { PEOPLE } from "./scene.ts";

export interface Tally {
  /** How many of the registrations got none, one, two, ... SMS. */
  readonly registrations: readonly number[];
  /** All that is in the ledger, for whomever. */
  readonly total: number;
}

export interface Verdict {
  readonly isProof: boolean;
  /** For people. */
  readonly sentence: string;
}

/** The columns that are always there; a count above has one of its own. */
const COLUMNS = 4;

/** Counts what the gateway itself has recorded: what a database says about it is no evidence. */
export function tally(ledger: readonly SmsRecord[]): Tally {
  const counts = PEOPLE.map(({ phone }) => ledger.filter(({ to }) => `+${to}` === phone).length);
  const columns = Math.max(COLUMNS, ...counts.map((it) => it + 1));
  const registrations = Array.from(
    { length: columns },
    (_, sms) => counts.filter((it) => it === sms).length,
  );
  return { registrations, total: ledger.length };
}

export function formatTable(old: Tally, oncebox: Tally): string {
  const columns = Math.max(old.registrations.length, oncebox.registrations.length);
  const each = Array.from({ length: columns }, (_, sms) => sms);
  const table = new Table({
    head: ["registrations that got", ...each.map((sms) => `${sms} SMS`), "SMS in all"],
    colAligns: ["left", ...each.map(() => "right" as const), "right"],
    // Without its colours, which would end up in a file or a log.
    style: { head: [], border: [] },
  });
  const row = (name: string, { registrations, total }: Tally) => [
    name,
    ...each.map((sms) => registrations[sms] ?? 0),
    total,
  ];
  table.push(row("the old way", old), row("with oncebox", oncebox));
  return table.toString();
}

export function judge(old: Tally, oncebox: Tally): Verdict {
  const people = PEOPLE.length;
  const sentence = `${people} registrations: ${old.total} SMS the old way, ${oncebox.total} with oncebox.`;
  if (oncebox.registrations[1] !== people || oncebox.total !== people) {
    return { isProof: false, sentence: `${sentence} FAILED: oncebox owes exactly one to each.` };
  }
  if (old.total <= people) {
    return {
      isProof: false,
      sentence: `${sentence} No proof: the old way's fault did not show this time. Run it again.`,
    };
  }
  return { isProof: true, sentence };
}
