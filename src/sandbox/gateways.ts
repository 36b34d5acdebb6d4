import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { OnceboxError } from "../errors.ts";
import { type LandedMessage, type ReadyLine, runGateways } from "./gateways/process.ts";
import type {
  MobizonFaultWish,
  MobizonRequest,
  MobizonSettings,
  SmsRecord,
  WebhookFaultWish,
  WebhookPost,
} from "./mobizon.ts";
import { refuseInProduction } from "./refuse-production.ts";
import type { EmailRecord, SmtpFaultWish } from "./smtp.ts";

export type { LandedMessage } from "./gateways/process.ts";

export interface GatewaysOptions {
  /** Where the ledgers are kept. A start on the same folder remembers what was sent. */
  readonly dir: string;
  /** By default ones that are free. */
  readonly mobizonPort?: number | undefined;
  readonly smtpPort?: number | undefined;
  readonly mobizonApiKey?: string | undefined;
  /** How long Mobizon takes for every answer. */
  readonly delayMs?: number | undefined;
}

export interface Gateways extends AsyncDisposable {
  readonly mobizonUrl: string;
  readonly mobizonApiKey: string;
  readonly smtpUrl: string;
  readonly smtpControlUrl: string;
  readonly pid: number;
  /** Calls back for every SMS and email that lands from now on; the result ends it. */
  onMessage(listener: (message: LandedMessage) => void): () => void;
  /** Everything that landed, earlier starts on the same folder included. */
  messages(): Promise<{ sms: SmsRecord[]; email: EmailRecord[] }>;
  /** The last calls to Mobizon, and how often each method answered each code. */
  requests(): Promise<{
    counts: Record<string, Record<string, number>>;
    recent: MobizonRequest[];
  }>;
  addSmsFault(wish: MobizonFaultWish): Promise<void>;
  addEmailFault(wish: SmtpFaultWish): Promise<void>;
  addWebhookFault(wish: WebhookFaultWish): Promise<void>;
  /** The last webhooks that Mobizon posted; see `MobizonSettings.webhook`. */
  webhooks(): Promise<WebhookPost[]>;
  /** Of all. */
  clearFaults(): Promise<void>;
  set(settings: Partial<MobizonSettings>): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts Mobizon's stand-in and the SMTP sink as one process of their own, which ends with ours.
 *
 * @throws OnceboxError `ONCEBOX_SANDBOX_FAILED` - a port is taken, or NODE_ENV is production.
 */
export async function startGateways(options: GatewaysOptions): Promise<Gateways> {
  refuseInProduction("the sandbox's gateways");
  // This very file, whether it is a .ts that Node strips or the .js that tsc made of it.
  const script = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [script, ...argsOf(options)], { stdio: "pipe" });
  const listeners = new Set<(message: LandedMessage) => void>();
  const ready = await waitUntilReady(child, (message) => {
    for (const listener of listeners) listener(message);
  });

  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.stdin?.end();
    await once(child, "exit");
  };
  const { event: _, ...urls } = ready;
  const { mobizonUrl, smtpControlUrl } = urls;
  return {
    ...urls,
    pid: child.pid ?? 0,
    onMessage: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    messages: async () => ({
      sms: await ask<SmsRecord[]>(mobizonUrl, "GET", "messages"),
      email: await ask<EmailRecord[]>(smtpControlUrl, "GET", "messages"),
    }),
    requests: () => ask(mobizonUrl, "GET", "requests"),
    addSmsFault: (wish) => ask(mobizonUrl, "POST", "faults", wish),
    addEmailFault: (wish) => ask(smtpControlUrl, "POST", "faults", wish),
    addWebhookFault: (wish) => ask(mobizonUrl, "POST", "webhook-faults", wish),
    webhooks: () => ask(mobizonUrl, "GET", "webhooks"),
    clearFaults: async () => {
      await ask(mobizonUrl, "DELETE", "faults");
      await ask(smtpControlUrl, "DELETE", "faults");
    },
    set: (settings) => ask(mobizonUrl, "POST", "settings", settings),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function argsOf({ dir, mobizonPort, smtpPort, mobizonApiKey, delayMs }: GatewaysOptions): string[] {
  const given = {
    "--dir": dir,
    "--mobizon-port": mobizonPort,
    "--smtp-port": smtpPort,
    "--api-key": mobizonApiKey,
    "--delay-ms": delayMs,
  };
  return Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
}

async function waitUntilReady(
  child: ChildProcess,
  onMessage: (message: LandedMessage) => void,
): Promise<ReadyLine> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new TypeError("expected pipes");
  let complaint = "";
  stderr.on("data", (chunk: Buffer) => {
    complaint = `${complaint}${chunk}`.slice(-4_000);
  });
  const ready = new Promise<ReadyLine>((resolve) => {
    createInterface({ input: stdout }).on("line", (text) => {
      const line = JSON.parse(text) as ReadyLine | LandedMessage;
      if (line.event === "ready") resolve(line);
      else onMessage(line);
    });
  });
  const ended = once(child, "close").then(() => {
    throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", "the sandbox's gateways did not start", {
      detail: complaint,
      hint: "Name other ports, or stop who listens on these.",
    });
  });
  return Promise.race([ready, ended]);
}

async function ask<Answer>(
  base: string,
  method: "GET" | "POST" | "DELETE",
  what: string,
  body?: unknown,
): Promise<Answer> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`${base}/_sandbox/${what}`, { method, ...sent });
  const answer = await response.json();
  if (response.ok) return answer as Answer;
  throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", `the sandbox refused ${method} ${what}`, {
    detail: JSON.stringify(answer),
    hint: "See the fault's and the settings' types for what it takes.",
  });
}

if (import.meta.main) await runGateways(process.argv.slice(2));
