import type { Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { type Certificate, type RawServer, rawServer } from "./servers.ts";

/** What the server does with a command: a reply, or something on the socket. */
type Step = string | ((socket: Socket) => void);

export interface SmtpScript {
  readonly greeting?: Step;
  readonly ehlo?: Step;
  readonly auth?: Step;
  readonly mail?: Step;
  readonly rcpt?: Step;
  readonly data?: Step;
  /** On the first byte of the message. */
  readonly body?: Step;
  /** After the final dot. */
  readonly dot?: Step;
  /** On STARTTLS: go on in TLS with this certificate. */
  readonly certificate?: Certificate;
}

export interface ScriptedSmtp extends RawServer {
  readonly commands: string[];
  /** The messages whose final dot came in, undotted. */
  readonly mails: string[];
}

const GOOD = {
  greeting: "220 smtp.example.test ESMTP",
  ehlo: "250-smtp.example.test\r\n250 SIZE 1000000",
  auth: "235 2.7.0 welcome",
  mail: "250 2.1.0 ok",
  rcpt: "250 2.1.5 ok",
  data: "354 go on",
  dot: "250 2.0.0 Ok: queued as 4XyZ01",
} as const;

/** An SMTP server that plays its part command by command, well or badly. */
export async function smtpServer(script: SmtpScript = {}): Promise<ScriptedSmtp> {
  const commands: string[] = [];
  const mails: string[] = [];

  const play = (socket: Socket, step: Step | undefined) => {
    if (typeof step === "function") step(socket);
    else if (step !== undefined) socket.write(`${step}\r\n`);
  };

  const converse = (socket: Socket) => {
    socket.on("error", () => {});
    let pending = "";
    let inData = false;
    let bodySeen = false;
    const onCommand = (line: string) => {
      commands.push(line);
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "EHLO" || verb === "HELO") play(socket, script.ehlo ?? GOOD.ehlo);
      else if (verb === "AUTH") play(socket, script.auth ?? GOOD.auth);
      else if (verb === "MAIL") play(socket, script.mail ?? GOOD.mail);
      else if (verb === "RCPT") play(socket, script.rcpt ?? GOOD.rcpt);
      else if (verb === "DATA") {
        inData = (script.data ?? GOOD.data) === GOOD.data;
        play(socket, script.data ?? GOOD.data);
      } else if (verb === "STAR" && script.certificate !== undefined) {
        socket.removeAllListeners("data");
        socket.write("220 go ahead\r\n");
        const secureContext = createSecureContext(script.certificate);
        converse(new TLSSocket(socket, { isServer: true, secureContext }));
      } else socket.write("502 5.5.2 not here\r\n");
    };
    socket.on("data", (chunk: Buffer) => {
      pending += chunk.toString("latin1");
      while (true) {
        if (inData) {
          if (script.body !== undefined) {
            // The script has the last word: whatever else comes is not listened to.
            if (!bodySeen) play(socket, script.body);
            bodySeen = true;
            return;
          }
          const end = pending.indexOf("\r\n.\r\n");
          if (end < 0) return;
          mails.push(pending.slice(0, end + 2).replace(/^\.\./gm, "."));
          pending = pending.slice(end + 5);
          inData = false;
          play(socket, script.dot ?? GOOD.dot);
          continue;
        }
        const end = pending.indexOf("\r\n");
        if (end < 0) return;
        const line = pending.slice(0, end);
        pending = pending.slice(end + 2);
        onCommand(line);
      }
    });
  };

  const server = await rawServer((socket) => {
    play(socket, script.greeting ?? GOOD.greeting);
    converse(socket);
  });
  return { ...server, commands, mails };
}
