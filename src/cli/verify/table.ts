import Table from "cli-table3";
import type { Fate } from "../../verify/judge.ts";
import type { Line, Report } from "../../verify/report.ts";

const MOST_PROBLEMS_SHOWN = 30;

export function formatReport(report: Report, order: readonly string[]): string {
  const table = new Table({
    head: [
      "mode",
      "channel",
      "killed at, or",
      "times",
      "messages",
      "sent",
      "duplicates",
      "lost",
      "unknown",
    ],
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
    colAligns: ["left", "left", "left", ...Array<"right">(6).fill("right")],
  });
  const place = ({ what }: Line) => order.indexOf(what);
  const sorted = report.lines.toSorted(
    (a, b) =>
      a.mode.localeCompare(b.mode) || b.channel.localeCompare(a.channel) || place(a) - place(b),
  );
  for (const line of sorted) {
    table.push([line.mode, line.channel, line.what, line.times, ...cells(line.fates)]);
  }
  table.push(["all", "all", "whatever was done", report.kills, ...cells(report.fates)]);
  const { refused, cancelled } = report.fates;
  const problems = report.problems
    .slice(0, MOST_PROBLEMS_SHOWN)
    .map((it) => `${it.kind}: notification ${it.notificationId ?? "-"} (${it.mode}): ${it.what}`);
  const more = report.problems.length - problems.length;
  return [
    table.toString(),
    `${report.kills} kills and ${report.commitsCut} connections cut around a commit in ${report.seconds} s; ${report.committed} registrations, ${report.landed} messages at the providers.`,
    ...(refused + cancelled > 0 ? [`${refused} refused, ${cancelled} cancelled.`] : []),
    ...report.notQuiet.map((mode) => `not quiet within its time (${mode} mode): see what is lost`),
    ...report.ownEnds.map((it) => `crash: worker ${it}`),
    ...problems,
    ...(more > 0 ? [`.. and ${more} more; --json has them all`] : []),
    ...(report.folder === null ? [] : [`Ledgers and logs: ${report.folder}`]),
    report.isGood ? "Good: no duplicate, none lost, and both sides agree." : "NOT GOOD: see above.",
    `Again: ${report.repeat}`,
  ].join("\n");
}

function cells(fates: Readonly<Record<Fate, number>>): number[] {
  const all = Object.values(fates).reduce((sum, it) => sum + it, 0);
  return [all, fates.sent, fates.duplicate, fates.lost, fates.unknown];
}
