import { type FileHandle, open } from "node:fs/promises";
import { extname } from "node:path";
import { addAbortSignal, type Readable } from "node:stream";
import { OnceboxError } from "../../errors.ts";
import { readCsv } from "./csv.ts";
import { readNdjson } from "./ndjson.ts";
import { quoted } from "./printable.ts";
import type { FileRecord } from "./record.ts";

export const FORMATS = ["csv", "ndjson"] as const;
export type Format = (typeof FORMATS)[number];

export interface Input {
  readonly records: AsyncIterable<FileRecord>;
  /** Null when nobody can know it before the end. */
  readonly totalBytes: number | null;
  /** How far the reading is; a little ahead of the records. */
  bytesRead(): number;
}

interface InputSettings {
  /** A path, or `-` for standard input. */
  readonly file: string;
  /** Undefined: told from the name, or for `-` from the first character. */
  readonly format: Format | undefined;
  readonly stdin: Readable;
  /** Breaks the reading off: the records end with an error. */
  readonly signal: AbortSignal;
}

const FORMAT_OF_NAME: Readonly<Record<string, Format>> = {
  ".csv": "csv",
  ".ndjson": "ndjson",
  ".jsonl": "ndjson",
};

/** What a file that is not text begins with, and what its owner can do. */
const FOREIGN: ReadonlyArray<[magic: readonly number[], name: string, hint: string]> = [
  [[0xff, 0xfe], "UTF-16", 'Save it as UTF-8; in Excel that is "CSV UTF-8".'],
  [[0xfe, 0xff], "UTF-16", 'Save it as UTF-8; in Excel that is "CSV UTF-8".'],
  [[0x50, 0x4b, 0x03, 0x04], "an Excel workbook or a zip", 'Save it as "CSV UTF-8".'],
  [
    [0x1f, 0x8b],
    "compressed with gzip",
    "Unpack it on the way: zcat leads.csv.gz | oncebox register --file -",
  ],
];

const UTF8_BOM = Buffer.from([0xef, 0xbb, 0xbf]);
/** Less than a transaction takes, so that the progress bar moves with each. */
const READ_BYTES = 16 * 1024;
/** A header longer than this is none. */
const MAX_HEAD_BYTES = 64 * 1024;

/**
 * Opens a file of leads and finds out how to read it.
 *
 * @throws OnceboxError `ONCEBOX_INPUT_INVALID` - there is no such file, or it cannot be one of leads.
 */
export async function openInput({ file, format, stdin, signal }: InputSettings): Promise<Input> {
  const named = format ?? formatOfName(file);
  const source = file === "-" ? { stream: stdin, totalBytes: null } : await openFile(file);
  let bytesRead = 0;
  const chunks = counting(addAbortSignal(signal, source.stream), (count) => {
    bytesRead += count;
  });
  const head = await readHead(file, chunks);
  const text = head.toString();
  const all = startingWith(head, chunks);
  const records =
    (named ?? sniffed(text)) === "csv" ? readCsv(all, firstLineOf(text)) : readNdjson(all);
  return { records, totalBytes: source.totalBytes, bytesRead: () => bytesRead };
}

function formatOfName(file: string): Format | undefined {
  if (file === "-") return undefined;
  const format = FORMAT_OF_NAME[extname(file).toLowerCase()];
  if (format !== undefined) return format;
  throw invalid(
    `--format is missing, and the name ${quoted(file)} does not tell it`,
    "Add --format csv or --format ndjson, or name the file .csv or .ndjson.",
  );
}

async function openFile(file: string): Promise<{ stream: Readable; totalBytes: number | null }> {
  let handle: FileHandle;
  try {
    handle = await open(file);
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    throw invalid(
      `--file ${quoted(file)} ${TROUBLE[code] ?? `cannot be opened (${code})`}`,
      "Check the path and its permissions, or pass - to read standard input.",
      error,
    );
  }
  const stat = await handle.stat();
  if (stat.isDirectory()) {
    await handle.close();
    throw invalid(`--file ${quoted(file)} is a folder, wanted a file`, "Name a file in it.");
  }
  // What is no regular file, such as a pipe, says 0.
  return {
    stream: handle.createReadStream({ highWaterMark: READ_BYTES }),
    totalBytes: stat.isFile() ? stat.size : null,
  };
}

const TROUBLE: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EACCES: "may not be read",
  EPERM: "may not be read",
};

async function* counting(
  stream: Readable,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer, void, void> {
  for await (const chunk of stream) {
    count(chunk.length);
    yield chunk;
  }
}

/** The beginning, at least as far as the first line that is not blank; without its BOM. */
async function readHead(file: string, chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < MAX_HEAD_BYTES && !/\S.*[\r\n]/.test(head.toString())) {
    const { value, done } = await chunks.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  const foreign = FOREIGN.find(([magic]) =>
    head.subarray(0, magic.length).equals(Buffer.from(magic)),
  );
  if (foreign !== undefined) {
    throw invalid(`${nameOf(file)} is ${foreign[1]}, wanted text in UTF-8`, foreign[2]);
  }
  if (head.subarray(0, UTF8_BOM.length).equals(UTF8_BOM)) head = head.subarray(UTF8_BOM.length);
  if (head.toString().trim() !== "") return head;
  throw invalid(
    `${nameOf(file)} is empty, wanted leads`,
    "Pass CSV whose first line names the columns, or one JSON object a line.",
  );
}

async function* startingWith(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

function sniffed(text: string): Format {
  const first = text.trimStart()[0];
  if (first !== "[") return first === "{" ? "ndjson" : "csv";
  throw invalid(
    "--file - is a JSON array, wanted CSV or one JSON object a line",
    "Take it apart on the way: jq -c '.[]' leads.json | oncebox register --file -",
  );
}

function firstLineOf(text: string): string {
  return text.trimStart().split(/[\r\n]/, 1)[0] ?? "";
}

function nameOf(file: string): string {
  return file === "-" ? "standard input" : `--file ${quoted(file)}`;
}

function invalid(message: string, hint: string, cause?: unknown): OnceboxError {
  return new OnceboxError("ONCEBOX_INPUT_INVALID", message, { hint, cause });
}
