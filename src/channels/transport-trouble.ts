import type { Trouble } from "../outbox/outcome.ts";

/** The attempt lost the time it had, and stopped before anything irreversible was written. */
export const LEASE_OVER = "lease_over";
/** The caller's signal, at the send's deadline. */
const DEADLINE = "deadline";
/** The caller's signal, for another reason, such as a worker that is told to stop. */
export const ABORTED = "aborted";

/** What a wrong certificate, the wrong protocol on a port, or a wrong setting is reported as. */
const SETUP_CODES =
  /^(?:ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH$|UND_ERR_INVALID_ARG$)/;

/**
 * Whose trouble a failed connection is. Only that: **no code says whether anything was sent**,
 * the phase does. ECONNRESET occurs in a TLS handshake and after an executed request alike.
 */
export function troubleOf(code: string): Trouble | undefined {
  if (code === LEASE_OVER || code === ABORTED) return undefined;
  return SETUP_CODES.test(code) ? "setup" : "outage";
}

/** `deadline` for a signal that timed out, `aborted` for any other reason. */
export function abortCode(signal: AbortSignal): string {
  return signal.reason instanceof Error && signal.reason.name === "TimeoutError"
    ? DEADLINE
    : ABORTED;
}

/** The code of an error as far as it has one: some have none, and `AbortError` has a number. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "no_code";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
