import { MultiBar, Presets, type SingleBar } from "cli-progress";
import { CODE_OF_SQLSTATE } from "../../db/errors.ts";
import type { Refusal } from "../../outbox/register.ts";
import type { StopSignal } from "../signals.ts";
import type { FileListener, FileResult } from "./file.ts";
import { printable, printableJson } from "./printable.ts";

export interface Terminal {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

export interface Streams {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
}

interface Ending extends FileResult {
  readonly seconds: number;
  readonly signal: StopSignal | null;
}

export interface Report extends FileListener {
  /** A line for whoever watches. */
  note(text: string): void;
  /** The last thing that is told. */
  ended(ending: Ending): void;
}

interface ReportSettings {
  readonly isJson: boolean;
  /** Null when it is not known: then the bar counts records only. */
  readonly totalBytes: number | null;
  bytesRead(): number;
}

export const RUN_AGAIN =
  "Run the same command again: what was registered is recognised, and nothing is doubled.";

/** Tells a person or a script what happens, as it happens. */
export function createReport(streams: Streams, settings: ReportSettings): Report {
  const { stdout, stderr } = streams;
  // Where JSON and the bar would share a terminal, the JSON goes first.
  const hasBar = stderr.isTTY === true && !(settings.isJson && stdout.isTTY === true);
  let bar: Bar | null = null;
  const note = (text: string) => {
    if (bar === null) stderr.write(`${printable(text)}\n`);
    else bar.log(printable(text));
  };
  return {
    note,
    refused(line, refusal) {
      if (settings.isJson) stdout.write(`${printableJson(toJson(line, refusal))}\n`);
      else note(toText(line, refusal));
    },
    committed({ read, refused }) {
      // Not before the first ones are in: a file that is none leaves no bar behind.
      if (hasBar) bar ??= startBar(stderr, settings);
      bar?.update(read, refused);
    },
    ended(ending) {
      bar?.stop();
      stdout.write(settings.isJson ? summaryJson(ending) : summaryText(ending));
    },
  };
}

interface Bar {
  log(line: string): void;
  update(read: number, refused: number): void;
  stop(): void;
}

function startBar(stderr: Terminal, { totalBytes, bytesRead }: ReportSettings): Bar {
  const counts = "{read} records, {refused} refused, {duration_formatted}";
  const bars = new MultiBar(
    {
      stream: stderr as NodeJS.WriteStream,
      format:
        totalBytes === null
          ? counts
          : `[{bar}] {percentage}% ${counts}, about {eta_formatted} to go`,
      clearOnComplete: true,
      // Our own handlers say how it ends.
      gracefulExit: false,
    },
    Presets.legacy,
  );
  const bar: SingleBar = bars.create(totalBytes ?? 0, 0, { read: 0, refused: 0 });
  return {
    log(line: string) {
      bars.log(`${line}\n`);
    },
    update(read: number, refused: number) {
      bar.update(bytesRead(), { read, refused });
    },
    stop() {
      bars.update(); // or it would drop the lines that it has not shown yet
      bars.stop();
    },
  };
}

function toText(line: number | null, { message, hint }: Refusal): string {
  return `${line === null ? "" : `line ${line}: `}${message}. ${hint}`;
}

function toJson(line: number | null, { code, field, message, hint }: Refusal): object {
  return { line, code: CODE_OF_SQLSTATE[code] ?? code, field, message, hint };
}

function summaryText({ tally, isComplete, seconds, signal }: Ending): string {
  const { read, created, recognised, refused } = tally;
  const counts = `records read ${read}: created ${created}, recognised ${recognised}, refused ${refused}; ${seconds} seconds\n`;
  if (isComplete) return counts;
  const cause = signal === null ? "It ended before the end of the file." : `Stopped by ${signal}.`;
  return `${counts}${cause} ${RUN_AGAIN}\n`;
}

function summaryJson({ tally, isComplete, seconds, signal }: Ending): string {
  const summary = { ...tally, seconds, complete: isComplete, signal };
  return `${printableJson({ summary })}\n`;
}
