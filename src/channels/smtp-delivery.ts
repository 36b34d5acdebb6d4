import { Readable } from "node:stream";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { SendContext } from "../outbox/outcome.ts";
import type { SmtpStage } from "./smtp-outcome.ts";
import type { SmtpServer } from "./smtp-url.ts";
import { abortCode, LEASE_OVER } from "./transport-trouble.ts";

export interface SmtpTimeouts {
  /** DNS, TCP, TLS, greeting and STARTTLS together, in milliseconds. Default 10000. */
  readonly connectMs?: number | undefined;
  /**
   * Silence in the middle of a session, in milliseconds. Default 600000: RFC 5321 gives a server
   * ten minutes to answer the final dot, and giving up earlier turns a sent mail into an unknown
   * one. The send's own deadline ends it sooner.
   */
  readonly silenceMs?: number | undefined;
}

interface Mail {
  readonly from: string;
  readonly to: string;
  readonly raw: Buffer;
}

type Delivery =
  | { readonly response: string }
  | { readonly stage: SmtpStage; readonly error: unknown };

/**
 * One session, one message, one recipient. nodemailer's SMTPConnection rather than a transport,
 * because the message is then a stream of ours, which the connection reads only after DATA was
 * accepted: the first read is the last moment to say no, and the proof of how far it got.
 */
export async function deliver(
  server: SmtpServer,
  timeouts: SmtpTimeouts,
  mail: Mail,
  context: SendContext,
): Promise<Delivery> {
  const { signal } = context;
  const { promise, resolve } = Promise.withResolvers<Delivery>();
  let stage: SmtpStage = "connect";
  const fail = (error: unknown) => resolve({ stage, error });

  const connection = new SMTPConnection(connectionOptions(server, timeouts));
  const onAbort = () => {
    fail(coded(abortCode(signal), "no answer before the deadline"));
    // In the same turn, so that a stream not read by now never is.
    connection.close();
  };
  if (signal.aborted) {
    return { stage, error: coded(abortCode(signal), "the deadline was over before the call") };
  }
  signal.addEventListener("abort", onAbort, { once: true });

  const submit = () => {
    stage = "envelope";
    const stream = new Readable({
      read() {
        if (!context.mayStillSend()) {
          this.destroy(coded(LEASE_OVER, "the attempt's time was over before the message"));
          return;
        }
        stage = "handed_over";
        this.push(mail.raw);
        this.push(null);
      },
    });
    const envelope = { from: mail.from, to: [mail.to] };
    connection.send(envelope, stream, (error, info) => {
      if (error !== null) return fail(error);
      resolve({ response: `${info.response}` });
    });
  };
  const logIn = () => {
    if (server.login === null) return submit();
    stage = "login";
    if (!connection.allowsAuth) {
      return fail(coded("EAUTH", "the server offers no login on this connection"));
    }
    connection.login(server.login, (error) => (error ? fail(error) : submit()));
  };

  try {
    connection.on("error", fail);
    // Later than a refusal that ends the connection too: a 421 says more than its end.
    connection.once("end", () => setImmediate(fail, coded("ECONNECTION", "the connection ended")));
    connection.connect((error) => (error ? fail(error) : logIn()));
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    connection.close();
  }
}

export function connectionOptions(
  { host, port, tls, rejectUnauthorized }: SmtpServer,
  { connectMs = 10_000, silenceMs = 600_000 }: SmtpTimeouts,
) {
  return {
    host,
    port,
    secure: tls === "implicit",
    requireTLS: tls === "starttls",
    ignoreTLS: tls === "off",
    // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment changes nothing.
    tls: { rejectUnauthorized },
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    dnsTimeout: connectMs,
    socketTimeout: silenceMs,
    // Closing means destroying: what was not written by then must not be written later.
    socketCloseTimeout: 0,
    maxResponseSize: 64 * 1024,
    logger: false,
  };
}

export function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
