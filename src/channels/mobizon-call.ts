import { OnceboxError } from "../errors.ts";
import type { Trouble } from "../outbox/outcome.ts";
import { cleanText } from "./foreign-text.ts";
import { type HttpResult, type HttpTimeouts, postForm } from "./http.ts";
import type { Envelope, Failure } from "./mobizon-codes.ts";
import { troubleOf } from "./transport-trouble.ts";

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

export interface MobizonAccess {
  /** As `https://api.mobizon.kz`. Plain `http:` is taken for a loopback address only. */
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly timeouts?: HttpTimeouts | undefined;
}

/** Calls `method`, such as `campaign/create`, and says what the answer was, of whatever code. */
export type MobizonCall = (
  method: string,
  form: Readonly<Record<string, string>>,
  options: {
    readonly signal: AbortSignal;
    readonly mayWrite?: () => boolean;
    readonly mostBytes?: number;
  },
) => Promise<Answer<Envelope>>;

/** The spellings of the API key that must not leave this folder. */
export function secretsOf({ apiKey }: MobizonAccess): readonly string[] {
  return [
    ...new Set([
      apiKey,
      encodeURIComponent(apiKey),
      `${new URLSearchParams({ k: apiKey })}`.slice(2),
    ]),
  ];
}

/** @throws OnceboxError `ONCEBOX_CONFIG_INVALID` - the address or the key cannot be used. */
export function createMobizonCall(access: MobizonAccess): MobizonCall {
  const base = parseBase(access.apiUrl);
  if (!/^[\x21-\x7e]+$/.test(access.apiKey)) {
    throw new OnceboxError("ONCEBOX_CONFIG_INVALID", "the Mobizon API key is empty or malformed", {
      hint: "Set MOBIZON_API_KEY to the key from the vendor's panel, without spaces.",
    });
  }
  const secrets = secretsOf(access);
  const root = `${base.pathname.replace(/\/+$/, "")}/service`;
  const query = new URLSearchParams({
    output: "json",
    api: "v1",
    apiKey: access.apiKey,
  }).toString();
  return async (method, form, { signal, mayWrite, mostBytes }) => {
    const result = await postForm({
      origin: base.origin,
      // The vendor wants the key in the query string, so this path is a secret.
      path: `${root}/${method}?${query}`,
      form: new URLSearchParams(form),
      timeouts: access.timeouts ?? {},
      signal,
      mayWrite,
      mostBytes,
    });
    return read(result, secrets);
  };
}

/** An address of our own machine, where nothing can listen in. */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

function parseBase(apiUrl: string): URL {
  const url = URL.parse(apiUrl);
  const usable =
    url !== null &&
    (url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname))) &&
    `${url.username}${url.password}${url.search}${url.hash}` === "";
  if (usable) return url;
  throw new OnceboxError("ONCEBOX_CONFIG_INVALID", "the Mobizon address cannot be used", {
    detail: "The API key travels in the URL, so anything but https would show it on the way.",
    hint: "Set MOBIZON_API_URL to an https address without user, query or fragment, such as https://api.mobizon.kz.",
  });
}

/** These say "not here, ask there", so the call was not carried out. 303 says that it was. */
const NOT_CARRIED_OUT: ReadonlySet<number> = new Set([301, 302, 307, 308]);

const STATUS_TROUBLE: ReadonlyMap<number, Trouble> = new Map<number, Trouble>([
  [401, "setup"],
  [403, "setup"],
  [404, "setup"],
  [405, "setup"],
  [429, "throttle"],
]);

/*
 * What came back                     outcome of a call that sends      trouble
 * ---------------------------------- --------------------------------- ---------------------
 * nothing, and nothing was written   not_sent                          outage, setup
 * nothing, and it was written        unknown                           outage
 * 2xx with an envelope               by its code
 * 4xx with an envelope               by its code, 0 is unknown
 * 4xx without                        unknown                           throttle, setup, none
 * 3xx (never followed)               not_sent; unknown for 303 etc.    setup
 * 5xx, envelope or not               unknown: an edge may answer so    outage
 *                                    for a backend that did the work
 * 2xx without an envelope            unknown                           outage
 */
function read(result: HttpResult, secrets: readonly string[]): Answer<Envelope> {
  if (result.phase !== "answered") {
    const { phase, code } = result;
    const detail = cleanText(result.detail, secrets);
    if (phase === "not_started") return failed("not_sent", code, detail, troubleOf(code));
    return failed("unknown", code, detail, "outage");
  }

  const { status, body } = result;
  if (status < 300 || (status >= 400 && status < 500)) {
    const envelope = parseEnvelope(body);
    if (envelope !== null && (status < 300 || envelope.code !== 0)) {
      return { ok: true, value: envelope };
    }
  }
  const facts = [`http_${status}`, cleanText(body, secrets)] as const;
  if (status < 300) return failed("unknown", "answer_unreadable", facts[1], "outage");
  if (status >= 500) return failed("unknown", ...facts, "outage");
  if (status < 400) {
    return failed(NOT_CARRIED_OUT.has(status) ? "not_sent" : "unknown", ...facts, "setup");
  }
  return failed("unknown", ...facts, STATUS_TROUBLE.get(status));
}

function failed(
  kind: "not_sent" | "unknown",
  code: string,
  detail: string,
  trouble: Trouble | undefined,
): Answer<never> {
  return { ok: false, failure: { kind, code, detail, ...(trouble && { trouble }) } };
}

function parseEnvelope(body: string): Envelope | null {
  const parsed = parseJson(body);
  if (!isRecord(parsed)) return null;
  const code = readInteger(parsed.code);
  if (code === null) return null;
  const message = typeof parsed.message === "string" ? parsed.message : "";
  return { code, data: parsed.data, message };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The vendor sends numbers as numbers or as strings. */
export function readInteger(value: unknown): number | null {
  const number = typeof value === "string" && /^-?\d{1,9}$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) ? (number as number) : null;
}

/** An id, kept as text: it may come as either, and may outgrow a JS number. */
export function readId(value: unknown): string | null {
  if (typeof value === "number")
    return Number.isSafeInteger(value) && value > 0 ? `${value}` : null;
  return typeof value === "string" && /^[1-9]\d{0,19}$/.test(value) ? value : null;
}
