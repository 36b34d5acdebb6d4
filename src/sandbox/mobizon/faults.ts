import { z } from "zod";

const accept = z.boolean();

const mobizonFault = z.discriminatedUnion("answer", [
  z.strictObject({ accept, answer: z.enum(["normal", "never", "reset", "close", "half"]) }),
  z.strictObject({ accept, answer: z.literal("late"), delayMs: z.number().min(0) }),
  z.strictObject({ accept, answer: z.literal("garbage"), body: z.string().optional() }),
  z.strictObject({
    accept,
    answer: z.literal("http"),
    status: z.int().min(200).max(599),
    headers: z.record(z.string(), z.string()).optional(),
    body: z.string().optional(),
  }),
  z.strictObject({
    accept,
    answer: z.literal("code"),
    code: z.int(),
    data: z.unknown().optional(),
    message: z.string().optional(),
  }),
]);

/**
 * One way to misbehave. `accept` says whether the call takes effect first, ledger included;
 * `answer` says what the caller gets to see:
 *
 * - `normal`   the answer; with `accept: false` that is an envelope with code 999
 * - `late`     the same after `delayMs`
 * - `never`    nothing, and the connection stays open
 * - `reset`    RST
 * - `close`    FIN without a byte
 * - `half`     a whole head, half of the body, FIN
 * - `garbage`  HTTP 200 with HTML, or with `body`
 * - `http`     another HTTP status, as from a proxy in between
 * - `code`     an envelope with this code: 30, 999, 8, 14, 1, 15, ..
 */
export type MobizonFault = z.infer<typeof mobizonFault>;

/** Which requests: the method as `campaign/send`, the recipient's digits, the campaign's name. */
const match = z.strictObject({
  method: z.string().optional(),
  recipient: z.string().optional(),
  name: z.string().optional(),
});

/** What `POST /_sandbox/faults` takes: a rule, or a plan by seed. */
export const mobizonFaultWish = z.union([
  z.strictObject({
    match: match.optional(),
    times: z.union([z.int().min(1), z.literal("always")]).optional(),
    fault: mobizonFault,
  }),
  z.strictObject({
    seed: z.int(),
    rate: z.number().min(0).max(1),
    match: match.optional(),
    faults: z.array(mobizonFault).min(1).optional(),
  }),
]);

export type MobizonFaultWish = z.infer<typeof mobizonFaultWish>;

/** What a plan draws from unless it names its own. */
export const MOBIZON_FAULTS: readonly MobizonFault[] = [true, false].flatMap(
  (accept): MobizonFault[] => [
    { accept, answer: "late", delayMs: 500 },
    { accept, answer: "never" },
    { accept, answer: "reset" },
    { accept, answer: "close" },
    { accept, answer: "half" },
    { accept, answer: "garbage" },
    { accept, answer: "http", status: 502 },
    { accept, answer: "code", code: 999 },
  ],
);
