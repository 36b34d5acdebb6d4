import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from "node:fs";
import { dirname } from "node:path";

/** An append-only record, one JSON object a line; what a stand-in knows after its restart. */
export interface Ledger<Line> {
  /** What an earlier run wrote. */
  readonly past: readonly Line[];
  /**
   * Is in the file when it returns, so that whoever is killed after its answer went out has
   * recorded what it answered. (The kernel keeps it: only the machine's own crash could lose it.)
   */
  append(lines: readonly Line[]): void;
}

/** Opens a ledger, or one that is kept nowhere when no file is named. */
export function openLedger<Line>(file: string | undefined): Ledger<Line> {
  if (file === undefined) return { past: [], append: () => undefined };
  mkdirSync(dirname(file), { recursive: true });
  return {
    past: existsSync(file) ? readWholeLines<Line>(file) : [],
    append: (lines) => {
      // One write for all of them: a kill leaves all or nothing of one answer's lines.
      if (lines.length > 0)
        appendFileSync(file, lines.map((it) => `${JSON.stringify(it)}\n`).join(""));
    },
  };
}

/** A last line that was cut off would spoil the next one: it is taken off the file. */
function readWholeLines<Line>(file: string): Line[] {
  const bytes = readFileSync(file);
  const end = bytes.lastIndexOf("\n") + 1;
  if (end < bytes.length) truncateSync(file, end);
  return bytes
    .toString("utf8", 0, end)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}
