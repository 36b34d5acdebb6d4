import { type FileRecord, kindOf, MAX_RECORD_BYTES, refusal } from "./record.ts";

const HINT = 'Write one object a line: {"name": "..", "phone": "..", "email": ".."}.';
const NEWLINE = 0x0a;

/** Reads one JSON object a line. A line that is none is refused, and the next one is read. */
export async function* readNdjson(chunks: AsyncIterable<Buffer>): AsyncGenerator<FileRecord> {
  let line = 0;
  for await (const bytes of splitLines(chunks, MAX_RECORD_BYTES)) {
    line += 1;
    const record = bytes === null ? tooLarge(line) : readLine(line, bytes);
    if (record !== null) yield record;
  }
}

/**
 * Not node:readline: it also breaks lines at U+2028, which may stand in a JSON string, and it
 * keeps a line of any length in memory. A line that is too long comes as null.
 */
async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number,
): AsyncGenerator<Buffer | null> {
  let parts: Buffer[] = [];
  let size = 0;
  const add = (part: Buffer) => {
    size += part.length;
    if (size > maxBytes) parts = [];
    else parts.push(part);
  };
  const take = () => {
    const line = size > maxBytes ? null : Buffer.concat(parts);
    parts = [];
    size = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    add(chunk.subarray(start));
  }
  if (size > 0) yield take();
}

function readLine(line: number, bytes: Buffer): FileRecord | null {
  const text = bytes.toString();
  if (text.trim() === "") return null;
  let value: unknown;
  try {
    // A reviver costs time, and only long numbers need it.
    value = /\d{16}/.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
  } catch (error) {
    // The error's own message quotes the line, and with it a person's data.
    const place = / at position (\d+)/.exec(String(error))?.[1];
    const where = place === undefined ? "" : ` from character ${Number(place) + 1} on`;
    return { kind: "refused", line, refusal: refusal(null, `the line is not JSON${where}`, HINT) };
  }
  if (kindOf(value) !== "an object") {
    const message = `the line is ${kindOf(value)}, wanted an object`;
    return { kind: "refused", line, refusal: refusal(null, message, HINT) };
  }
  const fields = new Map(Object.entries(value as object));
  return { kind: "fields", line, size: bytes.length, fields };
}

/** A whole number too large for JavaScript stays what it was, as text, instead of being rounded. */
function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  return /^-?\d+$/.test(source) ? source : value;
}

function tooLarge(line: number): FileRecord {
  return {
    kind: "refused",
    line,
    refusal: refusal(
      null,
      `the line is longer than ${MAX_RECORD_BYTES / 1024} KiB, wanted one lead`,
      HINT,
    ),
  };
}
