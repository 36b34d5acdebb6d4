import { createServer, type Server, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { SMTPServer, type SMTPServerError, type SMTPServerSession } from "smtp-server";
import { OnceboxError } from "../../errors.ts";
import type { FaultBook } from "../faults.ts";
import type { SmtpFault, SmtpStage } from "./faults.ts";
import { parseMessage } from "./message.ts";
import { misbehave, type Wire } from "./misbehave.ts";
import type { EmailRecord, SmtpOptions } from "./options.ts";

export interface Sink {
  /** Not listening yet. */
  readonly server: Server;
  /** Ends every connection at once. */
  hangUp(): void;
}

type Answer = (error?: Error | null) => void;

interface Parties {
  readonly from?: string;
  readonly to?: string;
}

/**
 * The conversation, on smtp-server, with a fault possible at every stage of it.
 *
 * @param keep - Takes a message for good and says under which id.
 */
export function smtpSink(
  options: SmtpOptions,
  faults: FaultBook<SmtpFault>,
  keep: (email: Omit<EmailRecord, "id">) => string,
): Sink {
  const raws = new Map<number, Socket>();

  const smtp = new SMTPServer({
    ...securityOf(options),
    disableReverseLookup: true,
    logger: false,
    onConnect: (session, answer) => {
      answerDataFirst(session);
      reach("greeting", 220, session, {}, answer);
    },
    onAuth: ({ username, password }, session, answer) => {
      reach("auth", 235, session, {}, (error) => {
        const isKnown = username === options.auth?.user && password === options.auth?.pass;
        if (error) answer(error);
        else if (isKnown) answer(null, { user: username });
        else answer(refusal(535, "wrong user or password"));
      });
    },
    onMailFrom: ({ address }, session, answer) => {
      reach("mail", 250, session, { from: address }, answer);
    },
    onRcptTo: ({ address }, session, answer) => {
      reach("rcpt", 250, session, { ...partiesOf(session), to: address }, answer);
    },
    onData: (stream, session, answer) => {
      const inBody = draw("body", partiesOf(session));
      if (inBody !== null) {
        stream.once("readable", () => misbehave(inBody, wireOf(session), NOTHING_DUE));
        return;
      }
      buffer(stream).then(
        (raw) => takeMessage(raw, session, answer),
        () => undefined, // The client left in the middle of its message.
      );
    },
  });
  // A client that breaks the connection is what the sink is for.
  smtp.on("error", () => undefined);

  function takeMessage(
    raw: Buffer,
    session: SMTPServerSession,
    answer: (error?: Error | null, message?: string) => void,
  ): void {
    const fault = draw("dot", partiesOf(session));
    const id = fault === null || fault.accept === true ? keep(recordOf(raw, session)) : null;
    const proceed = () => {
      if (id === null) answer(refusal(451, "not taken"));
      else answer(null, `OK: queued as ${id}`);
    };
    if (fault === null) {
      proceed();
      return;
    }
    const refuse = (code: number, message: string) => answer(refusal(code, message));
    misbehave(fault, wireOf(session), { expected: 250, proceed, refuse });
  }

  /** Lets the conversation go on, or does what a fault asks for in its place. */
  function reach(
    stage: SmtpStage,
    expected: number,
    session: SMTPServerSession,
    parties: Parties,
    answer: Answer,
  ): void {
    const fault = draw(stage, parties);
    if (fault === null) {
      answer();
      return;
    }
    misbehave(fault, wireOf(session), {
      expected,
      proceed: () => answer(),
      refuse: (code, message) => answer(refusal(code, message)),
    });
  }

  /** smtp-server answers DATA with 354 before it asks anybody, so its handler is put off. */
  function answerDataFirst(session: SMTPServerSession): void {
    const connection = connectionOf(session);
    const takeData = connection.handler_DATA.bind(connection);
    connection.handler_DATA = (command, callback) => {
      reach("data", 354, session, partiesOf(session), (error) => {
        if (!error) return takeData(command, callback);
        connection.send((error as SMTPServerError).responseCode ?? 451, error.message);
        callback();
      });
    };
  }

  function draw(stage: SmtpStage, parties: Parties): SmtpFault | null {
    return faults.draw({ stage, ...parties }, (fault) => fault.at === stage);
  }

  function connectionOf(session: SMTPServerSession) {
    const connection = [...smtp.connections].find(({ id }) => id === session.id);
    if (connection === undefined) throw new TypeError(`no connection for session ${session.id}`);
    return connection;
  }

  function wireOf(session: SMTPServerSession): Wire {
    const socket = connectionOf(session)._socket;
    return { socket, raw: raws.get(session.remotePort) ?? socket };
  }

  // A server of our own in front, for what happens before smtp-server sees a connection, and
  // for the TCP socket below TLS, which it does not give away.
  const server = createServer((raw) => {
    const port = raw.remotePort ?? 0;
    raws.set(port, raw);
    raw.once("close", () => raws.delete(port));
    const fault = draw("connect", {});
    if (fault === null) {
      smtp.server.emit("connection", raw);
      return;
    }
    raw.on("error", () => undefined);
    misbehave(fault, { socket: raw, raw }, NOTHING_DUE);
  });

  return {
    server,
    hangUp: () => {
      for (const { _socket } of smtp.connections) _socket.destroy();
      for (const raw of raws.values()) raw.destroy();
    },
  };
}

/** For the stages at which the server owes no answer. */
const NOTHING_DUE = { expected: 0, proceed: () => undefined, refuse: () => undefined };

function securityOf({ tls = "none", key, cert, auth }: SmtpOptions) {
  if (tls !== "none" && (key === undefined || cert === undefined)) {
    throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", `tls "${tls}" needs a key and a certificate`, {
      hint: 'Pass `key` and `cert` as PEM text, or use tls "none".',
    });
  }
  const disabledCommands = [
    ...(tls === "starttls" ? [] : ["STARTTLS"]),
    ...(auth === undefined ? ["AUTH"] : []),
  ];
  return {
    secure: tls === "implicit",
    ...(key === undefined || cert === undefined ? {} : { key, cert }),
    disabledCommands,
    authOptional: auth === undefined,
    // Without TLS the login would be refused in clear: here it goes over loopback.
    allowInsecureAuth: tls === "none",
  };
}

function partiesOf({ envelope }: SMTPServerSession): Parties {
  const { mailFrom, rcptTo } = envelope;
  const [first] = rcptTo;
  return {
    ...(mailFrom === false ? {} : { from: mailFrom.address }),
    ...(first === undefined ? {} : { to: first.address }),
  };
}

function recordOf(raw: Buffer, session: SMTPServerSession): Omit<EmailRecord, "id"> {
  return {
    ...parseMessage(raw),
    from: partiesOf(session).from ?? "",
    to: session.envelope.rcptTo.map(({ address }) => address),
    size: raw.length,
    at: new Date().toISOString(),
  };
}

function refusal(responseCode: number, message: string): SMTPServerError {
  return Object.assign(new Error(message), { responseCode });
}
