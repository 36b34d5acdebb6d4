import { once } from "node:events";
import { faultBook } from "./faults.ts";
import { openLedger } from "./ledger.ts";
import { listen } from "./listen.ts";
import { refuseInProduction } from "./refuse-production.ts";
import { SMTP_FAULTS, type SmtpFault, type SmtpFaultWish, smtpFaultWish } from "./smtp/faults.ts";
import type { EmailRecord, SmtpOptions } from "./smtp/options.ts";
import { smtpSink } from "./smtp/sink.ts";

export type { SmtpFault, SmtpFaultWish } from "./smtp/faults.ts";
export type { EmailRecord, SmtpOptions } from "./smtp/options.ts";

export interface SandboxSmtp extends AsyncDisposable {
  /** As `SMTP_URL` takes it, login included. */
  readonly url: string;
  readonly port: number;
  /** What was taken, the oldest first. A repeated `Message-ID` is there twice. */
  messages(): EmailRecord[];
  addFault(wish: SmtpFaultWish): void;
  clearFaults(): void;
  close(): Promise<void>;
}

/**
 * Starts an SMTP server on 127.0.0.1 that takes every message and delivers none. What it took
 * is in its ledger before it says so.
 */
export async function startSmtp(options: SmtpOptions = {}): Promise<SandboxSmtp> {
  refuseInProduction("the sandbox's SMTP server");
  const ledger = openLedger<EmailRecord>(options.ledgerFile);
  const taken = [...ledger.past];
  const faults = faultBook<SmtpFault>(SMTP_FAULTS);
  const sink = smtpSink(options, faults, (email) => {
    const record = { id: `sink-${taken.length + 1}`, ...email };
    ledger.append([record]);
    taken.push(record);
    options.onEmail?.(record);
    return record.id;
  });
  const port = await listen(sink.server, options.port);
  const close = async () => {
    if (!sink.server.listening) return;
    sink.server.close();
    sink.hangUp();
    await once(sink.server, "close");
  };
  return {
    url: urlOf(options, port),
    port,
    messages: () => [...taken],
    addFault: (wish) => faults.add(smtpFaultWish.parse(wish)),
    clearFaults: () => faults.clear(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function urlOf({ tls, auth }: SmtpOptions, port: number): string {
  const login = auth ? `${encodeURIComponent(auth.user)}:${encodeURIComponent(auth.pass)}@` : "";
  return `${tls === "implicit" ? "smtps" : "smtp"}://${login}127.0.0.1:${port}`;
}
