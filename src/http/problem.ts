import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { ResponseSerializationError } from "fastify-type-provider-zod";
import { mayPass } from "../db/errors.ts";
import { type ErrorCode, OnceboxError } from "../errors.ts";
import type { Logger } from "../log.ts";

/** One field that is wrong. */
export interface FieldError {
  /** Null for the whole. */
  readonly field: string | null;
  readonly message: string;
  readonly hint: string;
}

/** An error with a status of its own; everything else is told by its code. */
export class HttpError extends OnceboxError {
  readonly status: number;
  readonly errors: readonly FieldError[];
  readonly retryAfterS: number | undefined;

  constructor(
    status: number,
    code: ErrorCode,
    message: string,
    parts: {
      readonly hint: string;
      readonly errors?: readonly FieldError[];
      readonly retryAfterS?: number;
    },
  ) {
    super(code, message, parts);
    this.status = status;
    this.errors = parts.errors ?? [];
    this.retryAfterS = parts.retryAfterS;
  }
}

const STATUS_OF: Readonly<Partial<Record<ErrorCode, number>>> = {
  ONCEBOX_INPUT_INVALID: 400,
  ONCEBOX_LEAD_INVALID: 400,
  ONCEBOX_KEY_REUSED: 422,
  ONCEBOX_KEY_IN_USE: 409,
  ONCEBOX_TEMPLATE_MISSING: 400,
  ONCEBOX_TEMPLATE_VARIABLE_MISSING: 400,
  ONCEBOX_NOT_FOUND: 404,
  ONCEBOX_MOVE_REFUSED: 409,
  ONCEBOX_DATABASE_UNREACHABLE: 503,
  ONCEBOX_UNAUTHENTICATED: 401,
  ONCEBOX_FORBIDDEN: 403,
  ONCEBOX_RATE_LIMITED: 429,
};

export const TITLE: Readonly<Record<number, string>> = {
  400: "The request is wrong",
  401: "Who are you?",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  408: "Too slow",
  409: "Not now",
  413: "Too large",
  414: "Too large",
  415: "Not JSON",
  422: "The key belongs to other content",
  429: "Too many",
  431: "Too large",
  500: "Something went wrong here",
  503: "The database cannot be reached",
};

/** What may well be otherwise in a moment, and how long a caller waits for that. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  "ONCEBOX_KEY_IN_USE",
  "ONCEBOX_DATABASE_UNREACHABLE",
]);
const RETRY_AFTER_S = 2;

/**
 * Answers an error as problem details (RFC 9457) with our code and hint. What we did not raise
 * ourselves is logged, and told with the request's id alone: no SQL, no stack.
 */
export function problemHandler(log: Logger) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const problem = toHttpError(error);
    if (problem.status >= 500) {
      log.error({ err: error, requestId: request.id, route: routeOf(request) }, "http:failed");
    } else if (problem.status === 403) {
      const actor = request.principal?.name ?? null;
      log.warn({ requestId: request.id, route: routeOf(request), actor }, "http:forbidden");
    }
    return sendProblem(problem, request, reply);
  };
}

export function sendProblem(problem: HttpError, request: FastifyRequest, reply: FastifyReply) {
  if (problem.retryAfterS !== undefined) {
    reply.header("retry-after", Math.max(1, Math.ceil(problem.retryAfterS)));
  }
  if (problem.status === 401) reply.header("www-authenticate", "Bearer");
  return reply
    .code(problem.status)
    .type(PROBLEM_TYPE)
    .serializer((value: unknown) => JSON.stringify(value))
    .send(detailsOf(problem, request.id));
}

const PROBLEM_TYPE = "application/problem+json";

/** RFC 9457. */
function detailsOf(problem: HttpError, requestId: string) {
  return {
    type: `urn:oncebox:${problem.code}`,
    title: TITLE[problem.status] ?? "Refused",
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    hint: problem.hint,
    ...(problem.errors.length > 0 && { errors: problem.errors }),
    request_id: requestId,
  };
}

/** Answers what Node itself could not read, or did not want to wait for, and hangs up. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy(error);
    return;
  }
  const problem = unreadable(error.code);
  const body = JSON.stringify(detailsOf(problem, randomUUID()));
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function unreadable(code: string | undefined): HttpError {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new HttpError(408, "ONCEBOX_REQUEST_REFUSED", "the request did not come in time", {
        hint: "Send headers within 10 seconds and the rest within 15.",
      });
    case "HPE_HEADER_OVERFLOW":
      return new HttpError(431, "ONCEBOX_REQUEST_REFUSED", "the headers are too large", {
        hint: "All of them together fit 16 KiB.",
      });
    default:
      return new HttpError(400, "ONCEBOX_REQUEST_REFUSED", "the request is not valid HTTP", {
        hint: "Look at what is between: this is HTTP/1.1 without TLS.",
      });
  }
}

/** How @fastify/rate-limit is told to refuse. */
export function tooMany(message: string, hint: string) {
  return (_request: FastifyRequest, { ttl }: { readonly ttl: number }) =>
    new HttpError(429, "ONCEBOX_RATE_LIMITED", message, { hint, retryAfterS: ttl / 1_000 });
}

/** The route's pattern, never the path as it came: that may hold anything. */
function routeOf(request: FastifyRequest): string {
  return `${request.method} ${request.routeOptions.url ?? "unknown"}`;
}

function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof OnceboxError) {
    const status = STATUS_OF[error.code] ?? 500;
    const { message, hint } = error;
    const parts = PASSING.has(error.code) ? { hint, retryAfterS: RETRY_AFTER_S } : { hint };
    return new HttpError(status, error.code, message, parts);
  }
  if (error instanceof ResponseSerializationError) return internal();
  const { statusCode, code } = error as Partial<FastifyError>;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return refused(statusCode, code);
  }
  if (isUnreadable(error)) {
    return new HttpError(
      400,
      "ONCEBOX_INPUT_INVALID",
      "a text has a character that cannot be kept",
      {
        hint: "Remove what nobody typed, such as a NUL.",
      },
    );
  }
  if (isAway(error)) {
    return new HttpError(503, "ONCEBOX_DATABASE_UNREACHABLE", "the database cannot be reached", {
      hint: "Try again; with an Idempotency-Key nothing is registered twice.",
      retryAfterS: RETRY_AFTER_S,
    });
  }
  return internal();
}

/** Postgres holds no NUL and no half of a surrogate pair. */
function isUnreadable(error: unknown): boolean {
  return /^22(?:021|P05|P02)$/.test(String((error as { code?: unknown } | null)?.code));
}

/** A lost connection, a server that restarts or fell silent, no free connection, a lock: all pass. */
function isAway(error: unknown): boolean {
  if (!mayPass(error)) return false;
  const { code, message } = error as Error & { code?: string };
  return (
    (code !== undefined && /^(?:08|25006|53|55|57|E[A-Z]+$)/.test(code)) ||
    /connection|timeout/i.test(message)
  );
}

function internal(): HttpError {
  return new HttpError(500, "ONCEBOX_INTERNAL", "the request failed here", {
    hint: "Look for its request_id in the log; nothing is said here of what went wrong.",
  });
}

/** What fastify refused before it came to us. */
function refused(status: number, code: string | undefined): HttpError {
  switch (status) {
    case 413:
      return new HttpError(413, "ONCEBOX_REQUEST_REFUSED", "the body is too large", {
        hint: "One lead fits 16 KiB; send many to /v1/leads:batch, at most 1 MiB at a time.",
      });
    case 415:
      return new HttpError(415, "ONCEBOX_REQUEST_REFUSED", "the body is not application/json", {
        hint: "Send JSON in UTF-8 with content-type: application/json, not compressed.",
      });
    case 414:
      return new HttpError(414, "ONCEBOX_REQUEST_REFUSED", "the address is too long", {
        hint: "See /docs.",
      });
    default:
      return new HttpError(
        status,
        "ONCEBOX_REQUEST_REFUSED",
        code === "FST_ERR_BAD_URL" ? "the address cannot be read" : "the request cannot be read",
        { hint: "See /docs." },
      );
  }
}
