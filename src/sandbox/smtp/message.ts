/** What the sink reads of a message; enough to show it and to recognise it. */
export interface ParsedMessage {
  /** As in the header, with its angle brackets; empty if there is none. */
  readonly messageId: string;
  readonly subject: string;
  /** The first plain text part, or the first part of any kind. */
  readonly text: string;
}

interface Part {
  readonly headers: ReadonlyMap<string, string>;
  /** One character a byte. */
  readonly body: string;
}

/**
 * Decodes what mail programs write for plain messages: folded headers, encoded words, nested
 * parts, quoted-printable and base64. Not a mail parser: charsets other than those that
 * TextDecoder knows, and attachments, are not its business.
 */
export function parseMessage(raw: Buffer): ParsedMessage {
  const whole = parsePart(raw.toString("latin1"));
  const parts = leavesOf(whole);
  const shown = parts.find((it) => typeOf(it).startsWith("text/plain")) ?? parts[0] ?? whole;
  return {
    messageId: whole.headers.get("message-id") ?? "",
    subject: decodeWords(whole.headers.get("subject") ?? ""),
    text: decodeBody(shown).replaceAll("\r\n", "\n").trimEnd(),
  };
}

function parsePart(source: string): Part {
  const end = source.search(/\r?\n\r?\n/);
  const head = end === -1 ? source : source.slice(0, end);
  const headers = new Map<string, string>();
  for (const line of head.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0)
      headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { headers, body: end === -1 ? "" : source.slice(end).replace(/^\r?\n\r?\n/, "") };
}

function leavesOf(part: Part): Part[] {
  const boundary = /^multipart\/.*boundary="?([^";]+)"?/i.exec(typeOf(part))?.[1];
  if (boundary === undefined) return [part];
  return part.body
    .split(`--${boundary}`)
    .slice(1, -1)
    .flatMap((source) => leavesOf(parsePart(source.replace(/^\r?\n/, ""))));
}

function typeOf({ headers }: Part): string {
  return headers.get("content-type") ?? "text/plain";
}

function decodeBody(part: Part): string {
  const charset = /charset="?([^";]+)"?/i.exec(typeOf(part))?.[1] ?? "utf-8";
  const encoding = part.headers.get("content-transfer-encoding")?.toLowerCase();
  if (encoding === "base64") return decode(Buffer.from(part.body, "base64"), charset);
  if (encoding !== "quoted-printable") return decode(Buffer.from(part.body, "latin1"), charset);
  return decode(unquote(part.body.replace(/[ \t]*=\r?\n/g, "")), charset);
}

/** Encoded words, `=?utf-8?Q?..?=`; the blank between two of them is not part of the text. */
function decodeWords(header: string): string {
  return header
    .replace(/\?=\s+=\?/g, "?==?")
    .replace(
      /=\?([^?]+)\?([bq])\?([^?]*)\?=/gi,
      (_, charset: string, kind: string, word: string) => {
        const isBase64 = kind.toLowerCase() === "b";
        const bytes = isBase64 ? Buffer.from(word, "base64") : unquote(word.replaceAll("_", " "));
        return decode(bytes, charset);
      },
    );
}

function unquote(text: string): Buffer {
  const bytes = text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, "latin1");
}

function decode(bytes: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return bytes.toString("utf8");
  }
}
