import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { ProbeStep } from "../outbox/outcome.ts";
import { coded, connectionOptions, type SmtpTimeouts } from "./smtp-delivery.ts";
import { failureOutcome, type SmtpStage } from "./smtp-outcome.ts";
import type { SmtpServer } from "./smtp-url.ts";
import { abortCode } from "./transport-trouble.ts";

/** A session as a send has it, up to where it would name a recipient: no MAIL, no RCPT, no DATA. */
export async function probeSmtp(
  server: SmtpServer,
  timeouts: SmtpTimeouts,
  secrets: readonly string[],
  signal: AbortSignal,
): Promise<readonly ProbeStep[]> {
  const steps: ProbeStep[] = [];
  const connection = new SMTPConnection(connectionOptions(server, timeouts));
  const { promise: broken, reject } = Promise.withResolvers<never>();
  // It is raced below, and may come when nothing waits any more.
  broken.catch(() => {});
  const onAbort = () => reject(coded(abortCode(signal), "no answer before the deadline"));
  connection.on("error", reject);
  connection.once("end", () => setImmediate(reject, coded("ECONNECTION", "the connection ended")));
  signal.addEventListener("abort", onAbort, { once: true });

  async function step(
    name: string,
    stage: SmtpStage,
    act: (done: (error?: Error | null) => void) => void,
    found: () => string,
  ): Promise<boolean> {
    try {
      const done = new Promise<void>((resolve, fail) =>
        act((error) => (error ? fail(error) : resolve())),
      );
      await Promise.race([done, broken]);
      steps.push({ name, ok: true, detail: found() });
      return true;
    } catch (error) {
      const outcome = failureOutcome(stage, error, secrets);
      const trouble = "trouble" in outcome ? outcome.trouble : undefined;
      const why = outcome.kind === "accepted" ? "" : `${outcome.code}: ${outcome.detail}`;
      steps.push({ name, ok: false, detail: why, ...(trouble && { trouble }) });
      return false;
    }
  }

  try {
    const isConnected = await step(
      "connect",
      "connect",
      (done) => {
        if (signal.aborted) return onAbort();
        connection.connect(done);
      },
      () => (connection.secure ? "EHLO, in TLS" : "EHLO, not encrypted"),
    );
    const { login } = server;
    if (!isConnected || login === null) return steps;
    await step(
      "log in",
      "login",
      (done) => {
        if (connection.allowsAuth) return connection.login(login, done);
        done(coded("EAUTH", "the server offers no login on this connection"));
      },
      () => "the password is taken",
    );
    return steps;
  } finally {
    signal.removeEventListener("abort", onAbort);
    connection.close();
  }
}
