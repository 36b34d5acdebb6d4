import type { SendOutcome, Trouble } from "../outbox/outcome.ts";
import { cleanText } from "./foreign-text.ts";

/** Every way a call can end but the good one, as an irreversible call has to see it. */
export type Failure = Exclude<SendOutcome, { kind: "accepted" }>;

/** What the vendor answered: always these three, and `code` decides. */
export interface Envelope {
  readonly code: number;
  readonly data: unknown;
  readonly message: string;
}

export interface Verdict {
  readonly kind: "rejected" | "not_sent" | "unknown";
  readonly trouble?: Trouble;
}

/**
 * What each code proves when it answers a call that sends. The kinds follow the vendor's table
 * of codes; where that says "not known", and for every code it does not list, the answer is
 * `unknown`. Codes 0 (done), and 2 and 10 on `campaign/send`, are for the flows to read.
 */
const SEND_CODES: ReadonlyMap<number, Verdict> = new Map<number, Verdict>([
  [1, { kind: "rejected" }], // field validation failed
  [2, { kind: "rejected" }], // record not found
  [3, { kind: "unknown" }], // unidentified application error
  // Wrong module, method, format: our mistake or a wrong address, never the person's.
  [4, { kind: "not_sent", trouble: "setup" }],
  [5, { kind: "not_sent", trouble: "setup" }],
  [6, { kind: "not_sent", trouble: "setup" }],
  [8, { kind: "not_sent", trouble: "setup" }], // login failed
  [9, { kind: "not_sent", trouble: "setup" }], // no access to the method
  [10, { kind: "unknown" }], // could not save, concurrent access
  [11, { kind: "rejected" }], // parameter missing
  [12, { kind: "rejected" }], // parameter out of its limits
  // Wrong host for this account. `data` names the right one, and is never followed: whoever
  // can forge an answer would be handed the API key.
  [13, { kind: "not_sent", trouble: "setup" }],
  [14, { kind: "not_sent", trouble: "setup" }], // account blocked or deleted
  [15, { kind: "unknown" }], // operation failed, details in `message`
  [30, { kind: "not_sent", trouble: "throttle" }], // called too often
  [98, { kind: "unknown" }], // mass operation partly done: not documented for one message
  [99, { kind: "unknown" }], // mass operation not done: the same
  [100, { kind: "unknown" }], // queued in the background
  [999, { kind: "unknown", trouble: "outage" }], // general service error
]);

/** What addRecipients says of the one recipient. Nothing has been sent whichever it is. */
export const RECIPIENT_CODES: ReadonlyMap<number, Verdict> = new Map<number, Verdict>([
  [1, { kind: "rejected" }], // no number
  [2, { kind: "rejected" }], // no number
  [3, { kind: "rejected" }], // not international
  [5, { kind: "rejected" }], // on the stop list
  [6, { kind: "rejected" }], // country not allowed for this account
  [7, { kind: "rejected" }], // operator unknown
  [8, { kind: "rejected" }], // operator not supported
  [20, { kind: "rejected" }], // a placeholder of the text is missing
  [99, { kind: "not_sent", trouble: "outage" }], // system error
]);

/**
 * Too little money has no code of its own; codes 1 and 15 are expected to carry it in the
 * message. No such message has been seen live, so the list is short and literal: a message it
 * misses is read by its code, which costs a failed or unknown message and never a second one.
 */
const BALANCE_CODES: ReadonlySet<number> = new Set([1, 15]);
const BALANCE_MESSAGES: readonly RegExp[] = [
  /\b(?:insufficient|not enough|no|low)\b[^.]{0,20}\b(?:funds|money|balance|credit)\b/i,
  /недостаточно (?:средств|денег)/i,
];

/** What a code other than 0 means for a call that sends. */
export function refusal({ code, data, message }: Envelope, secrets: readonly string[]): Failure {
  const facts = {
    code: `mobizon_${code}`,
    detail: cleanText(`${message} ${data == null ? "" : JSON.stringify(data)}`, secrets),
  };
  if (BALANCE_CODES.has(code) && BALANCE_MESSAGES.some((it) => it.test(message))) {
    return { kind: "not_sent", ...facts, trouble: "balance" };
  }
  // A sender that is not registered fails every message alike: a setting, not this person's number.
  if (code === 1 && namesField(data, "from")) {
    return { kind: "not_sent", ...facts, trouble: "setup" };
  }
  return { ...(SEND_CODES.get(code) ?? { kind: "unknown" }), ...facts };
}

/** A failure of a call that sends nothing: whatever became of it, nothing went out. */
export function nothingSent(failure: Failure): Failure {
  return failure.kind === "unknown" ? { ...failure, kind: "not_sent" } : failure;
}

/** A failure where an earlier attempt may have sent: no proof, whatever this call told. */
export function inDoubt(failure: Failure): Extract<Failure, { kind: "unknown" }> {
  const { code, detail } = failure;
  const trouble = "trouble" in failure ? failure.trouble : undefined;
  return { kind: "unknown", code, detail, ...(trouble && { trouble }) };
}

function namesField(data: unknown, field: string): boolean {
  return typeof data === "object" && data !== null && Object.hasOwn(data, field);
}
