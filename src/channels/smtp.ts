import MailComposer from "nodemailer/lib/mail-composer";
import { OnceboxError } from "../errors.ts";
import type { Channel, OutgoingMessage, SendOutcome } from "../outbox/outcome.ts";
import { isPlainAddress } from "./email-address.ts";
import { deliver, type SmtpTimeouts } from "./smtp-delivery.ts";
import { acceptedOutcome, failureOutcome } from "./smtp-outcome.ts";
import { probeSmtp } from "./smtp-probe.ts";
import { parseSmtpUrl, type SmtpServer } from "./smtp-url.ts";

export interface SmtpSettings {
  /** As `smtps://user:password@host`; see {@link parseSmtpUrl} for what is encrypted when. */
  readonly url: string;
  /** As `noreply@example.kz` or `Example <noreply@example.kz>`. */
  readonly from: string;
  readonly timeouts?: SmtpTimeouts | undefined;
}

interface Sender {
  readonly name: string;
  readonly address: string;
}

/**
 * Email over SMTP. Each send opens a connection of its own: no pool, which would try again by
 * itself, and nothing to let go of at the end.
 *
 * @throws OnceboxError `ONCEBOX_CONFIG_INVALID` - the url or the sender cannot be used.
 */
export function createSmtpChannel(settings: SmtpSettings): Channel {
  const server = parseSmtpUrl(settings.url);
  const from = parseSender(settings.from);
  const domain = from.address.slice(from.address.lastIndexOf("@") + 1);
  const secrets = secretsOf(server);

  return {
    async send(message, context): Promise<SendOutcome> {
      const refused = refuse(message);
      if (refused !== null) return refused;

      // The same on every attempt, so that a repeat can be recognised as one.
      const messageId = `<${message.reference}@${domain}>`;
      const raw = await compose(from, messageId, message);
      const mail = { from: from.address, to: message.recipient, raw };
      const delivery = await deliver(server, settings.timeouts ?? {}, mail, context);
      return "response" in delivery
        ? acceptedOutcome(delivery.response, messageId, secrets)
        : failureOutcome(delivery.stage, delivery.error, secrets);
    },
    probe: (signal) => probeSmtp(server, settings.timeouts ?? {}, secrets, signal),
    async close() {},
  };
}

/** The password as such, and as AUTH LOGIN and AUTH PLAIN spell it, should a server echo it. */
function secretsOf({ login }: SmtpServer): readonly string[] {
  if (login === null) return [];
  const { user, pass } = login;
  return [pass, ...[pass, `\0${user}\0${pass}`].map((it) => Buffer.from(it).toString("base64"))];
}

/** Before connecting. A value that is no string could name a file or a URL to nodemailer. */
function refuse({ recipient, subject, body, reference }: OutgoingMessage): SendOutcome | null {
  for (const value of [recipient, subject, body, reference] as readonly unknown[]) {
    if (typeof value !== "string") return rejected("message_invalid", "a field is not text");
  }
  if (!isPlainAddress(recipient)) return rejected("recipient_invalid", "not one plain address");
  if (!/^[A-Za-z0-9-]{1,60}$/.test(reference)) {
    return rejected("reference_invalid", "not a reference");
  }
  return null;
}

function compose(from: Sender, messageId: string, message: OutgoingMessage): Promise<Buffer> {
  const composer = new MailComposer({
    from: { name: from.name, address: from.address },
    to: { name: "", address: message.recipient },
    // A newline in a subject could begin a header; nodemailer folds it, and we do not rely on that.
    subject: (message.subject ?? "").replace(/\p{Cc}+/gu, " "),
    text: message.body,
    messageId,
    // Asks out-of-office programs not to answer.
    headers: { "Auto-Submitted": "auto-generated" },
    disableFileAccess: true,
    disableUrlAccess: true,
    newline: "win",
  });
  return composer.compile().build();
}

function parseSender(text: string): Sender {
  const [, name = "", bracketed] = /^([^<>\p{Cc}]*)<([^<>]+)>$/u.exec(text.trim()) ?? [];
  const address = (bracketed ?? text).trim();
  if (isPlainAddress(address)) {
    return { name: name.trim().replace(/^"(.*)"$/, "$1"), address };
  }
  throw new OnceboxError("ONCEBOX_CONFIG_INVALID", "the sender address cannot be used", {
    hint: "Set MAIL_FROM to noreply@example.kz or Example <noreply@example.kz>, with a full domain name.",
  });
}

function rejected(code: string, detail: string): SendOutcome {
  return { kind: "rejected", code, detail };
}
