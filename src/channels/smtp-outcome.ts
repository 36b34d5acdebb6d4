import type { SendOutcome, Trouble } from "../outbox/outcome.ts";
import { cleanText } from "./foreign-text.ts";
import { ABORTED, codeOf, troubleOf } from "./transport-trouble.ts";

/**
 * How far a try got. Set by our own code, because nodemailer's labels do not tell: a cut
 * connection is `ECONNECTION` with command `CONN` before MAIL FROM and after the final dot.
 *
 * - `connect`     DNS, TCP, TLS, greeting, EHLO, STARTTLS
 * - `login`       AUTH
 * - `envelope`    MAIL, RCPT, DATA: the message stream has not been read, so no byte of it and
 *                 no final dot was written; a mail without its dot does not exist (RFC 5321)
 * - `handed_over` the stream was read: the dot may have been written
 */
export type SmtpStage = "connect" | "login" | "envelope" | "handed_over";

/** What nodemailer attaches to its errors. */
interface SmtpError extends Error {
  readonly command?: string;
  readonly response?: string;
  readonly responseCode?: number;
  readonly originalCode?: string;
}

interface ReplyRule {
  readonly replies: RegExp;
  readonly during?: RegExp;
  readonly means: {
    readonly kind: "rejected" | "not_sent";
    readonly trouble?: Trouble;
    readonly retryAfterMs?: number;
  };
}

/** A greylisting server takes the same mail some minutes later. */
const GREYLIST_MS = 5 * 60_000;

/**
 * What a refusal means; the first rule that fits. `replies` is matched against the code and
 * the enhanced code behind it, as "550 5.1.1"; `during` against the command it answered.
 */
const REPLY_RULES: readonly ReplyRule[] = [
  { replies: /^(?:421|454)/, means: { kind: "not_sent", trouble: "throttle" } },
  // 4.7.x: policy, for now. 5.4.5: a daily limit, which Gmail calls permanent.
  { replies: /^\d{3} (?:4\.7\.|5\.4\.5$)/, means: { kind: "not_sent", trouble: "throttle" } },
  // Authentication required, too weak, wrong, or only over TLS.
  { replies: /^53[0458]/, means: { kind: "not_sent", trouble: "setup" } },
  // Out of sequence: this session is spoilt, the message is not.
  { replies: /^503/, means: { kind: "not_sent" } },
  { replies: /^5/, during: /^(?:AUTH|STARTTLS)/, means: { kind: "not_sent", trouble: "setup" } },
  { replies: /^552/, during: /^MAIL FROM$/, means: { kind: "rejected" } }, // too big
  // Our own sender address is refused: every mail's trouble, not this person's.
  { replies: /^5/, during: /^MAIL FROM$/, means: { kind: "not_sent", trouble: "setup" } },
  // The recipient or the message itself. nodemailer says DATA for the final dot too.
  { replies: /^5/, during: /^(?:RCPT TO|DATA)$/, means: { kind: "rejected" } },
  {
    replies: /^4/,
    during: /^(?:MAIL FROM|RCPT TO|DATA)$/,
    means: { kind: "not_sent", retryAfterMs: GREYLIST_MS },
  },
  // Whatever else is refused, such as the greeting, is refused to everybody.
  { replies: /^/, means: { kind: "not_sent", trouble: "outage" } },
];

/*
 * stage        reply                                    outcome
 * -----------  ---------------------------------------- -----------------------------------
 * before the   a reply of 400 to 599                    REPLY_RULES
 * hand-over    none: cut, silent, aborted, TLS, DNS     not_sent
 * handed over  EMESSAGE with a reply of 400 to 599      REPLY_RULES: the message was refused
 *              anything else                            unknown
 */
export function failureOutcome(
  stage: SmtpStage,
  error: unknown,
  secrets: readonly string[],
): SendOutcome {
  const { command, response, responseCode = 0, originalCode, message } = asSmtpError(error);
  const code = originalCode ?? codeOf(error);
  const detail = cleanText(response ?? message, secrets);
  const isReply = responseCode >= 400 && responseCode <= 599;

  // Only EMESSAGE is an answer to the dot. A cut connection may carry a `responseCode` too,
  // taken from half a line.
  if (stage === "handed_over" && !(isReply && code === "EMESSAGE")) {
    const answered = code === "EMESSAGE" || code === ABORTED;
    return { kind: "unknown", code, detail, ...(!answered && { trouble: "outage" }) };
  }
  if (isReply) {
    const reply = `${responseCode} ${/^\d{3}[ -](\d\.\d+\.\d+)\b/.exec(response ?? "")?.[1] ?? ""}`;
    const rule = REPLY_RULES.find(
      ({ replies, during }) => replies.test(reply) && (during?.test(command ?? "") ?? true),
    );
    return { kind: "not_sent", ...rule?.means, code: `smtp_${responseCode}`, detail };
  }
  const trouble = SETUP_TROUBLE.get(code) ?? troubleOf(code);
  return { kind: "not_sent", code, detail, ...(trouble && { trouble }) };
}

/** nodemailer's own codes that name a wrong setting. */
const SETUP_TROUBLE: ReadonlyMap<string, Trouble> = new Map<string, Trouble>([
  ["ETLS", "setup"],
  ["EAUTH", "setup"],
  ["ECONFIG", "setup"],
]);

/** An answer to the final dot that nodemailer took for a good one. */
export function acceptedOutcome(
  response: string,
  messageId: string,
  secrets: readonly string[],
): SendOutcome {
  const detail = cleanText(response, secrets);
  if (!/^2\d\d(?:[ -]|$)/.test(response)) return { kind: "unknown", code: "answer_odd", detail };
  // Postfix and many others; Exim. A server that names no queue id leaves our own.
  const queueId =
    /\bqueued as ([\w.-]{1,100})/i.exec(response) ?? /\bid=([\w.-]{1,100})/i.exec(response);
  return { kind: "accepted", providerRef: queueId?.[1] ?? messageId };
}

function asSmtpError(error: unknown): SmtpError {
  return error instanceof Error ? error : new Error(String(error));
}
