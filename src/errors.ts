/** Every code oncebox can raise. One heading each in docs/errors.md. */
export const ERROR_CODES = [
  "ONCEBOX_CONFIG_INVALID",
  "ONCEBOX_INPUT_INVALID",
  "ONCEBOX_LEAD_INVALID",
  "ONCEBOX_KEY_REUSED",
  "ONCEBOX_KEY_IN_USE",
  "ONCEBOX_TEMPLATE_MISSING",
  "ONCEBOX_TEMPLATE_VARIABLE_MISSING",
  "ONCEBOX_NOT_FOUND",
  "ONCEBOX_MOVE_REFUSED",
  "ONCEBOX_SCHEMA_MISSING",
  "ONCEBOX_SCHEMA_OUTDATED",
  "ONCEBOX_SCHEMA_UNADOPTABLE",
  "ONCEBOX_LOCK_NOT_GRANTED",
  "ONCEBOX_DATABASE_UNREACHABLE",
  "ONCEBOX_CONNECTION_NOT_SESSION",
  "ONCEBOX_PROVIDER_FAILED",
  "ONCEBOX_SANDBOX_FAILED",
  "ONCEBOX_UNAUTHENTICATED",
  "ONCEBOX_FORBIDDEN",
  "ONCEBOX_RATE_LIMITED",
  "ONCEBOX_REQUEST_REFUSED",
  "ONCEBOX_INTERNAL",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

interface ErrorParts {
  /** More facts, when the message alone would get long. */
  readonly detail?: string | undefined;
  /** What the reader can do about it, as a full sentence. */
  readonly hint: string;
  readonly cause?: unknown;
}

/**
 * The one error class oncebox throws on purpose. Match on `code`: it survives
 * serialisation and two copies of the package, `instanceof` does not.
 *
 * `message` states the fact, `detail` adds to it, `hint` says what to do. None of
 * them holds an unmasked phone number, address or name, or a secret.
 */
export class OnceboxError extends Error {
  override readonly name = "OnceboxError";
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, parts: ErrorParts) {
    super(message, { cause: parts.cause });
    this.code = code;
    this.detail = parts.detail;
    this.hint = parts.hint;
  }
}
