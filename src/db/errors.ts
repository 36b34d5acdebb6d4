import { type ErrorCode, OnceboxError } from "../errors.ts";

/** SQLSTATE class OB is ours: what our functions raise. */
export const CODE_OF_SQLSTATE: Readonly<Record<string, ErrorCode>> = {
  OB001: "ONCEBOX_LEAD_INVALID",
  OB002: "ONCEBOX_KEY_REUSED",
  OB003: "ONCEBOX_TEMPLATE_MISSING",
  OB004: "ONCEBOX_TEMPLATE_VARIABLE_MISSING",
  OB005: "ONCEBOX_NOT_FOUND",
  OB006: "ONCEBOX_MOVE_REFUSED",
  OB007: "ONCEBOX_SCHEMA_UNADOPTABLE",
};

/**
 * Our own SQL errors as OnceboxError; everything else passes through unchanged, but without the
 * row that Postgres puts into the detail of a failed constraint: it holds personal data.
 */
export function fromPostgres(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, detail, hint } = error as Error & { code?: string; detail?: string; hint?: string };
  const ours = code === undefined ? undefined : CODE_OF_SQLSTATE[code];
  if (ours !== undefined) {
    return new OnceboxError(ours, error.message, { detail, hint: hint ?? "See docs/errors.md." });
  }
  if (code?.startsWith("23")) Reflect.deleteProperty(error, "detail");
  return error;
}

/** The query's answer, or its error as `fromPostgres` has it. */
export async function refusable<T>(query: Promise<T>): Promise<T> {
  try {
    return await query;
  } catch (error) {
    throw fromPostgres(error);
  }
}

/**
 * Whether the same statement may well go through a moment later: the connection broke, the server
 * restarts or is full, a lock or a deadlock was in the way. The statement itself may have taken
 * effect or not: ask again only what is safe to repeat.
 */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof OnceboxError) {
    return false;
  }
  const { code } = error as Error & { code?: string };
  // pg's own errors of a broken connection have no code; the system's have names such as ECONNRESET.
  const isSqlState = code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("E");
  return !isSqlState || /^(?:08|25006|40|53|55|57)/.test(code);
}
