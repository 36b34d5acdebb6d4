import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import type { WorkerConfig } from "../config.ts";
import { createLogger } from "../log.ts";
import type { ChannelName } from "../outbox/notification.ts";
import type { OutgoingMessage } from "../outbox/outcome.ts";
import { runWorker } from "../worker.ts";
import { stepSeams, type WorkerEvent } from "./seams.ts";
import type { Arm } from "./steps.ts";

/** The first line on its standard input. */
export interface Order {
  readonly config: WorkerConfig;
  readonly arm: Arm | null;
  readonly mobizonUrl: string;
  readonly smtpControlUrl: string;
}

/** Any later line: from then on it harms itself no more. */
export const DISARM = "disarm";

/** Where it tells of its moments: standard output and error are its log. */
const EVENTS_FD = 3;
const LATE_MS = 1_500;

/**
 * One worker of a crash proof, as a process of its own. It ends when its standard input does, at
 * once and without a word, so that none outlives the proof.
 */
export async function serveAsWorker(): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  lines.once("close", () => process.kill(process.pid, "SIGKILL"));
  const { promise, resolve } = Promise.withResolvers<Order>();
  let disarm = () => {};
  lines.on("line", (line) => {
    if (line === DISARM) disarm();
    else resolve(JSON.parse(line) as Order);
  });

  const order = await promise;
  const steps = stepSeams({
    arm: order.arm,
    tell,
    delayAnswer: (channel, message, accept) => delayAnswer(order, channel, message, accept),
  });
  disarm = steps.disarm;
  const worker = await runWorker(order.config, createLogger(order.config.logLevel), steps);
  tell({ at: "ready" });
  await worker.done;
}

function tell(event: WorkerEvent): void {
  writeSync(EVENTS_FD, `${JSON.stringify(event)}\n`);
}

async function delayAnswer(
  { config, mobizonUrl, smtpControlUrl }: Order,
  channel: ChannelName,
  { recipient }: OutgoingMessage,
  accept: boolean,
): Promise<void> {
  const late = { accept, answer: "late", delayMs: LATE_MS };
  const method = config.mobizon?.mode === "message" ? "message/sendSmsMessage" : "campaign/send";
  const [base, wish] =
    channel === "sms"
      ? [mobizonUrl, { match: { method, recipient: recipient.slice(1) }, fault: late }]
      : [smtpControlUrl, { match: { to: recipient }, fault: { at: "dot", ...late } }];
  const answer = await fetch(`${base}/_sandbox/faults`, {
    method: "POST",
    body: JSON.stringify(wish),
  });
  if (!answer.ok) throw new Error(`the sandbox refused a fault: ${await answer.text()}`);
}

if (import.meta.main) await serveAsWorker();
