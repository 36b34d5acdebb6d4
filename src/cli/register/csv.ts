import { type CsvError, type Parser, parse } from "csv-parse";
import { OnceboxError } from "../../errors.ts";
import { quoted } from "./printable.ts";
import { type FileRecord, LEAD_FIELDS, MAX_RECORD_BYTES, refusal } from "./record.ts";

/** What the first line may be divided by, the likeliest first: Excel writes ";" where "," is the decimal sign. */
const DELIMITERS = [",", ";", "\t"] as const;

/** A record as it stood in the file. */
interface Row {
  readonly cells: readonly string[];
  /** Its text, with the blank lines before it and all of its line breaks but the last one's `\n`. */
  readonly raw: string;
}

/**
 * Reads comma-separated values whose first line names the columns.
 *
 * A record with too few or too many cells is refused and the next one is read. After a broken
 * quote nobody can say where the next record begins, so the reading ends there.
 *
 * @param firstLine - The header, for telling its delimiter.
 * @throws OnceboxError `ONCEBOX_INPUT_INVALID` - the header is none.
 */
export async function* readCsv(
  chunks: AsyncIterable<Buffer>,
  firstLine: string,
): AsyncGenerator<FileRecord> {
  let columns: readonly string[] | null = null;
  let nextLine = 1;
  for await (const row of parseRows(chunks, delimiterOf(firstLine))) {
    const line = nextLine + countLines(/^\s*/.exec(row.raw)?.[0] ?? "");
    if ("broken" in row) {
      yield broken(line, row.broken);
      return;
    }
    nextLine += countLines(row.raw);
    if (columns === null) columns = readHeader(row.cells);
    // Spreadsheets leave such rows behind; there is nothing in them to lose.
    else if (row.cells.some((cell) => cell.trim() !== "")) yield toRecord(line, columns, row);
  }
}

/**
 * The library's parser, fed by hand. As a stream it would drop the records that it has read but
 * not handed out when a later one is broken, and which ones that are would be chance.
 * It looks a few bytes ahead: the last row of a pipe that falls silent comes with what follows it.
 */
async function* parseRows(
  chunks: AsyncIterable<Buffer>,
  delimiter: string,
): AsyncGenerator<Row | { readonly raw: string; readonly broken: string }> {
  const rows: Row[] = [];
  const parser = parse({
    delimiter,
    // All three, whatever the first line ends with: files are put together from several programs'.
    record_delimiter: ["\r\n", "\n", "\r"],
    max_record_size: MAX_RECORD_BYTES,
    raw: true,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    on_record: (it: unknown) => {
      // With `raw`, which the types leave out.
      const { record, raw } = it as { record: string[]; raw: string };
      rows.push({ cells: record, raw });
      return null;
    },
  });
  parser.on("error", () => {}); // told to the callback of the write that met it
  parser.resume();
  for await (const chunk of chunks) {
    const error = await feed(parser, chunk);
    yield* rows.splice(0);
    if (error !== null) return yield breakOf(error);
  }
  const error = await feed(parser, null);
  yield* rows.splice(0);
  if (error !== null) yield breakOf(error);
}

async function feed(parser: Parser, chunk: Buffer | null): Promise<CsvError | null> {
  return await new Promise((resolve) => {
    const done = (error?: Error | null) => resolve((error as CsvError | undefined) ?? null);
    if (chunk === null) parser.end(done);
    else parser.write(chunk, done);
  });
}

function breakOf(error: CsvError): { raw: string; broken: string } {
  return { raw: typeof error.raw === "string" ? error.raw : "", broken: error.code };
}

/** The library's own messages quote the cell, and with it a person's data. */
const BREAKS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: "has a quote that is opened and never closed",
  CSV_MAX_RECORD_SIZE: `is larger than ${MAX_RECORD_BYTES / 1024} KiB, as if a quote was never closed`,
  CSV_INVALID_CLOSING_QUOTE: "has a quote inside a quoted cell",
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: "has text after a quoted cell",
  INVALID_OPENING_QUOTE: "has a quote in the middle of a cell",
};

function broken(line: number, code: string): FileRecord {
  return {
    kind: "broken",
    line,
    refusal: {
      code: "ONCEBOX_INPUT_INVALID",
      field: null,
      message: `the record that begins here ${BREAKS[code] ?? `cannot be read (${code})`}; nothing from here on was read`,
      hint: 'Put the whole cell in quotes and double the quotes in it, "Bar ""Alma""", then run the same command again: what was registered is recognised.',
    },
  };
}

function toRecord(line: number, columns: readonly string[], { cells, raw }: Row): FileRecord {
  if (cells.length !== columns.length) {
    return {
      kind: "refused",
      line,
      refusal: refusal(
        null,
        `the record has ${cells.length} ${cells.length === 1 ? "cell" : "cells"}, wanted ${columns.length} as in the header`,
        "Put a cell that holds the delimiter in quotes, and leave an empty cell for what is missing.",
      ),
    };
  }
  const fields = new Map(columns.map((column, index) => [column, cells[index]] as const));
  return { kind: "fields", line, size: Buffer.byteLength(raw), fields };
}

function countLines(text: string): number {
  return text.match(/\r\n|\r|\n/g)?.length ?? 0;
}

function delimiterOf(firstLine: string): string {
  const names = (delimiter: string) =>
    firstLine.split(delimiter).map((cell) => toColumn(cell.replaceAll('"', "")));
  return DELIMITERS.find((it) => names(it).some(isRecipient)) ?? ",";
}

function isRecipient(column: string): boolean {
  return column === "phone" || column === "email";
}

/** `Phone ` is phone; a name that is not a field's is a variable's, and stays as it is written. */
function toColumn(cell: string): string {
  const name = cell.trim();
  return LEAD_FIELDS.has(name.toLowerCase()) ? name.toLowerCase() : name;
}

function readHeader(cells: readonly string[]): readonly string[] {
  const columns = cells.map(toColumn);
  if (!columns.some(isRecipient)) {
    // Not what it has instead: a file without a header has a person there.
    const known = columns.filter((it) => LEAD_FIELDS.has(it));
    throw invalidHeader(
      `got ${columns.length} columns, none of them phone or email` +
        (known.length > 0 ? ` (known are ${known.join(", ")})` : ""),
      "Name the columns in the first line: name,phone,email,source,idempotency_key,.. Others become variables of the texts.",
    );
  }
  const unnamed = columns.indexOf("");
  if (unnamed !== -1) {
    throw invalidHeader(
      `column ${unnamed + 1} of ${columns.length} has no name`,
      "Give every column a name, or remove it.",
    );
  }
  const twice = columns.find((it, index) => columns.indexOf(it) !== index);
  if (twice !== undefined) {
    const places = columns.flatMap((it, index) => (it === twice ? [index + 1] : []));
    throw invalidHeader(
      `columns ${places.join(" and ")} are both called ${quoted(twice)}`,
      "Rename or remove one of them.",
    );
  }
  return columns;
}

function invalidHeader(problem: string, hint: string): OnceboxError {
  return new OnceboxError("ONCEBOX_INPUT_INVALID", `the header of --file is wrong: ${problem}`, {
    hint,
  });
}
