import { HttpError } from "./problem.ts";

/** Deeper than any lead, and far from what a parser or Postgres minds. */
const MOST_DEPTH = 32;

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/**
 * Reads JSON and takes nothing that two readers could read differently: bytes that are no UTF-8, a
 * mark before it, a key that is there twice, a number that JavaScript would change.
 *
 * @throws HttpError 400, `ONCEBOX_REQUEST_REFUSED`.
 */
export function readJson(body: Buffer): unknown {
  const text = decode(body);
  let value: unknown;
  try {
    value = JSON.parse(text, (key, it) => {
      if (key === "__proto__") throw refuse("a key is __proto__", "Choose another name.");
      if (typeof it === "number" && !isExact(it)) {
        throw refuse(
          "a number is larger or more exact than most readers take",
          "Write numbers of more than 15 digits as strings.",
        );
      }
      return it;
    });
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw refuse(
      "it is not JSON",
      "Look for a missing quote, comma or bracket, or text around it.",
    );
  }
  assertPlain(text);
  return value;
}

function decode(body: Buffer): string {
  if (body.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) {
    throw refuse("it begins with a byte order mark", "Send UTF-8 without one.");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw refuse("it is not UTF-8", "Send UTF-8.");
  }
}

function isExact(value: number): boolean {
  if (Object.is(value, -0)) return false;
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
}

/** Of a text that is JSON: not too deep, and no key twice in one object. */
function assertPlain(text: string): void {
  const open: (Set<string> | null)[] = [];
  let last = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") {
      if (open.length === MOST_DEPTH) {
        throw refuse(`it is more than ${MOST_DEPTH} levels deep`, "Send it flatter.");
      }
      open.push(token === "{" ? new Set() : null);
    } else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      const key = JSON.parse(last) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) throw refuse("an object has a key twice", "Send each key once.");
      keys?.add(key);
    }
    last = token;
  }
}

/** Lines of JSON; in the place of one that cannot be read stands why. */
export function readNdjson(body: Buffer): unknown[] {
  const lines: unknown[] = [];
  for (let start = 0; start < body.length; ) {
    const newline = body.indexOf(0x0a, start);
    const end = newline === -1 ? body.length : newline;
    const line = body.subarray(start, end);
    if (line.some((byte) => byte !== 0x20 && byte !== 0x0d && byte !== 0x09)) {
      lines.push(readLine(line));
    }
    start = end + 1;
  }
  return lines;
}

function readLine(line: Buffer): unknown {
  try {
    return readJson(line);
  } catch (error) {
    if (error instanceof HttpError) return error;
    throw error;
  }
}

function refuse(why: string, hint: string): HttpError {
  return new HttpError(
    400,
    "ONCEBOX_REQUEST_REFUSED",
    `this is no JSON that is taken here: ${why}`,
    { hint },
  );
}
