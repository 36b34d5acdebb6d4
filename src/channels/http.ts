/*
 * The one place that posts to a provider over HTTP.
 *
 * What matters is the PHASE a failed call had reached, because no error code proves that
 * nothing was sent (the same ECONNRESET means "died in the TLS handshake" and "executed, then
 * died"). undici calls a handler's `onRequestStart` right before the first `socket.write` of a
 * request, after the TLS handshake, and never otherwise:
 *
 *   not_started  onRequestStart was never called, or was aborted inside: no byte of the request
 *                went out, and, because the client and its socket are destroyed, none will
 *   started      it was called, and no complete answer came back: anything may have happened
 *   answered     a complete answer: the status and the whole body
 */

import type { Socket } from "node:net";
import { buildConnector, Client } from "undici";
import { ABORTED, abortCode, codeOf, LEASE_OVER } from "./transport-trouble.ts";

/** How long one call may take; `signal` bounds the whole of it. In milliseconds. */
export interface HttpTimeouts {
  /** DNS, TCP and the TLS handshake. Default 5000. */
  readonly connectMs?: number | undefined;
  /** From the request to the last header of the answer. Default 15000. */
  readonly headersMs?: number | undefined;
  /** Between two pieces of the body. Default 10000. */
  readonly bodyMs?: number | undefined;
}

interface PostRequest {
  /** As `https://api.mobizon.kz`; `http:` as well. */
  readonly origin: string;
  /** With its query; may hold a secret, which no result repeats. */
  readonly path: string;
  readonly form: URLSearchParams;
  readonly timeouts: HttpTimeouts;
  readonly signal: AbortSignal;
  /** Asked synchronously right before the first byte of the request; false writes nothing. */
  readonly mayWrite?: (() => boolean) | undefined;
  /** Of the answer's body. Default 64 KiB. */
  readonly mostBytes?: number | undefined;
}

export type HttpResult =
  | { readonly phase: "not_started" | "started"; readonly code: string; readonly detail: string }
  | { readonly phase: "answered"; readonly status: number; readonly body: string };

/** An answer of Mobizon is a few hundred bytes. */
const MAX_BODY_BYTES = 64 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;

/** Posts a form once. Resolves in every case; leaves no socket behind. */
export async function postForm(request: PostRequest): Promise<HttpResult> {
  const { origin, path, signal, timeouts } = request;
  if (signal.aborted) return notStarted(abortCode(signal), "the deadline was over before the call");

  const { promise, resolve } = Promise.withResolvers<HttpResult>();
  let started = false;
  let status = 0;
  let isAnswered = false;
  const chunks: Buffer[] = [];
  const fail = (code: string, detail: string) =>
    resolve({ phase: started ? "started" : "not_started", code, detail });

  let connection: Connection | undefined;
  const onAbort = () => {
    // undici reports an abort only when the connect attempt has ended; we do not wait for that.
    // Destroying here, in the same turn, is what makes `not_started` stay true.
    fail(abortCode(signal), "no answer before the deadline");
    connection?.destroy();
  };
  signal.addEventListener("abort", onAbort, { once: true });

  try {
    connection = takeConnection(origin, timeouts, request.mostBytes ?? MAX_BODY_BYTES);
    connection.client.dispatch(
      {
        method: "POST",
        path,
        headers: {
          "content-type": "application/x-www-form-urlencoded",
          accept: "application/json",
          "accept-encoding": "identity",
        },
        body: request.form.toString(),
      },
      {
        onRequestStart(controller) {
          // A second start would be a replay of the request by the library: a second SMS.
          if (started) return controller.abort(new Error("replay refused"));
          if (request.mayWrite?.() === false) {
            resolve(notStarted(LEASE_OVER, "the attempt's time was over before the write"));
            return controller.abort(new Error(LEASE_OVER));
          }
          started = true;
        },
        onResponseStart(_controller, statusCode) {
          status = statusCode;
        },
        onResponseData(_controller, chunk) {
          chunks.push(chunk);
        },
        onResponseEnd() {
          resolve({ phase: "answered", status, body: Buffer.concat(chunks).toString() });
        },
        onResponseError(_controller, error) {
          fail(codeOf(error), error.message);
        },
      },
    );
    const result = await promise;
    isAnswered = result.phase === "answered";
    return result;
  } catch (error) {
    fail(codeOf(error), String(error));
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (isAnswered) connection?.rest();
    else connection?.destroy();
  }
}

function notStarted(code: string, detail: string): HttpResult {
  return { phase: "not_started", code, detail };
}

/** One connection for one call at a time: a queue inside undici would keep a call waiting past its deadline. */
interface Connection {
  readonly client: Client;
  /** Breaks it at once, whatever it is at. */
  destroy(): void;
  /** Its call was answered whole: the next one may have it. */
  rest(): void;
}

/**
 * How long a connection may rest and be used again. A server that closes a resting one just as we
 * write looks the same as one that took the message and died, so that the outcome is unknown and has
 * to be asked for. Servers close after seconds; a burst of messages has its next one within milliseconds.
 */
const REST_MS = 500;

/** Those that rest, by where they lead and what they allow; the last one that came is the first to go. */
const RESTING = new Map<string, { readonly connection: Connection; readonly until: number }[]>();

function takeConnection(origin: string, timeouts: HttpTimeouts, mostBytes: number): Connection {
  const key = JSON.stringify([origin, timeouts, mostBytes]);
  const resting = RESTING.get(key) ?? [];
  RESTING.set(key, resting);
  for (;;) {
    const last = resting.pop();
    if (last === undefined) break;
    // By the wall clock: the other one stands still while the machine does.
    if (Date.now() < last.until && Date.now() > last.until - 2 * REST_MS) return last.connection;
    last.connection.destroy();
  }
  return openConnection(origin, timeouts, mostBytes, (connection) => {
    resting.push({ connection, until: Date.now() + REST_MS });
  });
}

function openConnection(
  origin: string,
  timeouts: HttpTimeouts,
  mostBytes: number,
  onRest: (connection: Connection) => void,
): Connection {
  let socket: Socket | undefined;
  const connect = buildConnector({
    // HTTP/2, on by default, sends a POST again by itself on GOAWAY or REFUSED_STREAM.
    allowH2: false,
    timeout: timeouts.connectMs ?? 5_000,
    maxCachedSessions: 0,
    // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment changes nothing.
    rejectUnauthorized: true,
  });
  const client = new Client(origin, {
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: REST_MS,
    keepAliveMaxTimeout: REST_MS,
    headersTimeout: timeouts.headersMs ?? 15_000,
    bodyTimeout: timeouts.bodyMs ?? 10_000,
    maxHeaderSize: MAX_HEADER_BYTES,
    maxResponseSize: mostBytes,
    // Otherwise UNDICI_USE_MILO in the environment would exchange the parser.
    useMilo: false,
    connect(options, callback) {
      // The connector returns its socket, though its type does not say so.
      socket = connect(options, callback) as unknown as Socket | undefined;
    },
  });
  const connection: Connection = {
    client,
    destroy() {
      const error = new Error(ABORTED);
      void client.destroy(error).catch(() => {});
      // Without this a connect under way would go on to its own timeout.
      socket?.destroy(error);
    },
    rest: () => onRest(connection),
  };
  return connection;
}
