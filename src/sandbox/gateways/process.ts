import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { OnceboxError } from "../../errors.ts";
import { control, type Routes, showing, taking } from "../control.ts";
import { listen } from "../listen.ts";
import { type SmsRecord, startMobizon } from "../mobizon.ts";
import { smtpFaultWish } from "../smtp/faults.ts";
import { type EmailRecord, type SandboxSmtp, startSmtp } from "../smtp.ts";

/** The first line that the process prints. */
export interface ReadyLine {
  readonly event: "ready";
  readonly mobizonUrl: string;
  readonly mobizonApiKey: string;
  readonly smtpUrl: string;
  /** Where the sink is asked for its messages and faults: SMTP itself cannot. */
  readonly smtpControlUrl: string;
}

/** One line for every message that landed. */
export type LandedMessage =
  | ({ readonly event: "sms" } & SmsRecord)
  | ({ readonly event: "email" } & EmailRecord);

/**
 * Both stand-ins as a process of their own, so that killing whoever sends through them leaves
 * their record of what was sent alone. Ends when its stdin does, or on SIGTERM.
 */
export async function runGateways(args: readonly string[]): Promise<void> {
  try {
    await run(args);
  } catch (error) {
    if (!(error instanceof OnceboxError)) throw error;
    const { message, detail, hint } = error;
    process.stderr.write([message, detail, hint].filter(Boolean).join("\n"));
    process.exitCode = 1;
  }
}

async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  // Ctrl-C in a terminal reaches the whole group, and the worker still has to drain through us.
  process.on("SIGINT", () => undefined);
  process.stdout.on("error", () => undefined);

  await using mobizon = await startMobizon({
    ...options.mobizon,
    onSms: (sms) => print({ event: "sms", ...sms }),
  });
  await using smtp = await startSmtp({
    ...options.smtp,
    onEmail: (email) => print({ event: "email", ...email }),
  });
  await using smtpControl = await startControl(smtpRoutes(smtp));
  print({
    event: "ready",
    mobizonUrl: mobizon.url,
    mobizonApiKey: mobizon.apiKey,
    smtpUrl: smtp.url,
    smtpControlUrl: smtpControl.url,
  });
  process.stdin.resume();
  await Promise.race([once(process.stdin, "close"), once(process, "SIGTERM")]);
  process.stdin.destroy();
}

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dir: { type: "string" },
      "mobizon-port": { type: "string" },
      "smtp-port": { type: "string" },
      "delay-ms": { type: "string" },
      "api-key": { type: "string" },
    },
  });
  const { dir } = values;
  const file = (name: string) => (dir === undefined ? undefined : join(dir, name));
  return {
    mobizon: {
      port: numberOf(values["mobizon-port"]),
      apiKey: values["api-key"],
      ledgerFile: file("sms.ndjson"),
      settings: { delayMs: numberOf(values["delay-ms"]) ?? 0 },
    },
    smtp: { port: numberOf(values["smtp-port"]), ledgerFile: file("email.ndjson") },
  };
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", `expected a whole number, got "${text}"`, {
    hint: "Ports and --delay-ms are whole numbers.",
  });
}

function smtpRoutes(smtp: SandboxSmtp): Routes {
  return {
    "GET /_sandbox/messages": showing(() => smtp.messages()),
    "POST /_sandbox/faults": taking(smtpFaultWish, (wish) => smtp.addFault(wish)),
    "DELETE /_sandbox/faults": showing(() => {
      smtp.clearFaults();
      return {};
    }),
  };
}

async function startControl(routes: Routes): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    control(routes, request, response, request.url ?? "").catch(() => response.destroy());
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function print(line: ReadyLine | LandedMessage): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
