import type { Socket } from "node:net";
import type { SmtpFault } from "./faults.ts";

/** The connection that a fault happens to. */
export interface Wire {
  /** What the client reads; with TLS, the side that encrypts. */
  readonly socket: Socket;
  /** The TCP connection below, the only one that can send a RST. */
  readonly raw: Socket;
}

export interface Stage {
  /** What the client expects now, as `250`. */
  readonly expected: number;
  /** Goes on as if nothing had happened. */
  proceed(): void;
  refuse(code: number, message: string): void;
}

/** Does what the fault says in place of answering. */
export function misbehave(fault: SmtpFault, { socket, raw }: Wire, stage: Stage): void {
  switch (fault.answer) {
    case "refuse":
      stage.refuse(fault.code, fault.message ?? "asked for by a test");
      return;
    case "late":
      setTimeout(() => stage.proceed(), fault.delayMs).unref();
      return;
    case "never":
      return;
    case "reset":
      raw.resetAndDestroy();
      return;
    case "close":
      socket.end();
      return;
    case "half":
      socket.end(String(stage.expected).slice(0, 2));
      return;
    case "garbage":
      socket.write("this is no SMTP\r\n");
      return;
  }
}
