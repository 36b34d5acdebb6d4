import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Envelope } from "./envelope.ts";
import type { MobizonFault } from "./faults.ts";

const HTML = "<html><body><h1>Please stand by</h1></body></html>";

/** Puts the answer on the wire, or what the fault makes of it. */
export async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  envelope: Envelope,
  fault: MobizonFault | null,
): Promise<void> {
  const json = JSON.stringify(envelope);
  switch (fault?.answer) {
    case undefined:
    case "normal":
      return write(response, 200, json);
    case "late":
      await delay(fault.delayMs, undefined, { ref: false });
      return write(response, 200, json);
    case "never":
      return;
    case "reset":
      request.socket.resetAndDestroy();
      return;
    case "close":
      request.socket.end();
      return;
    case "half":
      response.writeHead(200, { ...JSON_TYPE, "content-length": Buffer.byteLength(json) });
      response.write(json.slice(0, json.length / 2), () => request.socket.end());
      return;
    case "garbage":
      return write(response, 200, fault.body ?? HTML, { "content-type": "text/html" });
    case "http":
      return write(response, fault.status, fault.body ?? HTML, {
        "content-type": "text/html",
        ...fault.headers,
      });
    case "code":
      return write(response, 200, codeAnswer(fault));
  }
}

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

export function write(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
): void {
  const length = { "content-length": String(Buffer.byteLength(body)) };
  response.writeHead(status, { ...length, ...headers }).end(body);
}

function codeAnswer({ code, data, message }: Extract<MobizonFault, { answer: "code" }>): string {
  return JSON.stringify({ code, data: data ?? null, message: message ?? "asked for by a test" });
}
