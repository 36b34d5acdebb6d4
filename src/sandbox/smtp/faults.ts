import { z } from "zod";

/**
 * Where in the conversation: the connection itself, the greeting, AUTH, MAIL, RCPT, the answer
 * to DATA, the message before its end, and the answer to the final dot.
 */
const SMTP_STAGES = ["connect", "greeting", "auth", "mail", "rcpt", "data", "body", "dot"] as const;

export type SmtpStage = (typeof SMTP_STAGES)[number];

const at = z.enum(SMTP_STAGES);
/** At `dot` only: does the sink keep the message, ledger included, before it misbehaves? */
const accept = z.boolean().optional();

const smtpFault = z
  .discriminatedUnion("answer", [
    z.strictObject({ at, accept, answer: z.enum(["never", "reset", "close", "half", "garbage"]) }),
    z.strictObject({ at, accept, answer: z.literal("late"), delayMs: z.number().min(0) }),
    z.strictObject({
      at,
      accept,
      answer: z.literal("refuse"),
      code: z.int().min(400).max(599),
      message: z.string().optional(),
    }),
  ])
  .refine(
    (fault) => {
      const isSilent = ["never", "reset", "close"].includes(fault.answer);
      return isSilent || (fault.at !== "connect" && fault.at !== "body");
    },
    { error: "nothing is answered at connect and in the body: only never, reset or close" },
  )
  .refine((fault) => fault.accept === undefined || fault.at === "dot", {
    error: "accept is for the dot: nothing is kept before it",
  })
  .refine(({ at, accept, answer }) => at !== "dot" || answer === "refuse" || accept !== undefined, {
    error: "at the dot, accept has to say whether the message is kept",
  });

/**
 * One way to misbehave at one stage:
 *
 * - `refuse`   with this 4yz or 5yz code
 * - `late`     the answer after `delayMs`; at the dot with `accept: false` that is a 451
 * - `never`    no answer, and the connection stays open
 * - `reset`    RST
 * - `close`    FIN
 * - `half`     the first two digits of the answer, then FIN
 * - `garbage`  a line that is no SMTP
 */
export type SmtpFault = z.infer<typeof smtpFault>;

/** Before `rcpt` the recipient is not known yet, and before `mail` neither is the sender. */
const match = z.strictObject({ from: z.string().optional(), to: z.string().optional() });

/** What `POST /_sandbox/faults` takes: a rule, or a plan by seed. */
export const smtpFaultWish = z.union([
  z.strictObject({
    match: match.optional(),
    times: z.union([z.int().min(1), z.literal("always")]).optional(),
    fault: smtpFault,
  }),
  z.strictObject({
    seed: z.int(),
    rate: z.number().min(0).max(1),
    match: match.optional(),
    faults: z.array(smtpFault).min(1).optional(),
  }),
]);

export type SmtpFaultWish = z.infer<typeof smtpFaultWish>;

/** What a plan draws from unless it names its own: nothing here is a final refusal. */
export const SMTP_FAULTS: readonly SmtpFault[] = [
  { at: "connect", answer: "reset" },
  { at: "greeting", answer: "refuse", code: 421 },
  { at: "mail", answer: "refuse", code: 451 },
  { at: "rcpt", answer: "refuse", code: 450 },
  { at: "data", answer: "close" },
  { at: "body", answer: "reset" },
  { at: "dot", answer: "refuse", code: 451 },
  ...[true, false].flatMap((accept): SmtpFault[] => [
    { at: "dot", accept, answer: "late", delayMs: 500 },
    { at: "dot", accept, answer: "never" },
    { at: "dot", accept, answer: "reset" },
    { at: "dot", accept, answer: "close" },
    { at: "dot", accept, answer: "half" },
    { at: "dot", accept, answer: "garbage" },
  ]),
];
