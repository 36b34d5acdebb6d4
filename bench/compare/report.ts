import Table from "cli-table3";
import type { Results } from "./results.ts";
import type { Spread } from "./samples.ts";

/** The other percentiles are for the plots. */
const HIDDEN = /^p(?!50 |99 )\d+ ms$/;

/** The results as people read them: every scenario, then what was to be reached. */
export function reportOf(results: Results): string {
  const parts = [describe(results)];
  for (const { name, title } of results.scenarios) {
    const rows = results.summary.filter((it) => it.scenario === name && !HIDDEN.test(it.measure));
    if (rows.length === 0) continue;
    const measures = [...new Set(rows.map((it) => it.measure))];
    const table = plainTable(["", ...measures]);
    for (const contestant of new Set(rows.map((it) => it.contestant))) {
      const cells = measures.map((measure) => {
        const found = rows.find((it) => it.contestant === contestant && it.measure === measure);
        return found === undefined ? "" : formatSpread(found);
      });
      table.push([titleOf(results, contestant), ...cells]);
    }
    parts.push(`${title}\n${table}`);
  }
  const targets = plainTable(["to reach", "wanted", "measured", "", "rows alone"]);
  for (const { what, atLeast, atMost, reading, isReached, most } of results.targets) {
    if (reading === null) continue;
    const wanted = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    targets.push([
      what,
      wanted,
      formatSpread(reading),
      isReached ? "reached" : "NOT reached",
      most === null ? "" : formatSpread(most),
    ]);
  }
  if (results.targets.length > 0) parts.push(`${targets}`);
  if (results.notes.length > 0) parts.push(results.notes.map((it) => `- ${it}`).join("\n"));
  return `${parts.join("\n\n")}\n`;
}

function describe({ date, machine, rounds, isQuick, contestants }: Results): string {
  const { cores, processor, memoryGigabytes, postgres, node } = machine;
  const settings = contestants.map(({ title, settings }) => {
    const list = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
    return `  ${title}: ${list.join(", ")}`;
  });
  return [
    `${date}, ${cores} cores (${processor}), ${memoryGigabytes} GB, PostgreSQL ${postgres}, Node ${node}`,
    `${rounds} ${rounds === 1 ? "round" : "rounds"}${isQuick ? ", small sizes (--quick)" : ""}`,
    ...settings,
  ].join("\n");
}

function titleOf({ contestants }: Results, name: string): string {
  return contestants.find((it) => it.name === name)?.title ?? name;
}

/** The median, with the least and the most where there are several rounds. */
function formatSpread({ median, minimum, maximum }: Spread): string {
  const middle = formatNumber(median);
  return minimum === maximum
    ? middle
    : `${middle} (${formatNumber(minimum)} to ${formatNumber(maximum)})`;
}

function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

function plainTable(head: string[]): Table.Table {
  return new Table({ head, style: { head: [], border: [], compact: true } });
}
