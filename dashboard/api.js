import { t } from "./i18n.js";
import { session } from "./session.js";

/** What the server answered instead of what was asked for, in words for the reader. */
export class ApiError extends Error {
  /**
   * @param {number} status - 0 = the server was not reached.
   * @param {{ code?: string, detail?: string, hint?: string, errors?: { field: string | null, message: string }[] }} problem
   * @param {number | null} retryAfterS
   */
  constructor(status, problem, retryAfterS = null) {
    super(problem.detail ?? `${status}`);
    this.status = status;
    this.code = problem.code ?? "";
    this.hint = problem.hint ?? "";
    this.errors = problem.errors ?? [];
    this.retryAfterS = retryAfterS;
  }
}

/**
 * @template T
 * @param {string} path
 * @param {Record<string, string | null | undefined>} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export async function get(path, query = {}, signal) {
  return await call(path + queryOf(query), { method: "GET", ...(signal && { signal }) });
}

/**
 * @template T
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<T>}
 */
export async function post(path, body = {}) {
  const csrf = session.get()?.csrf;
  return await call(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...(csrf && { "x-csrf-token": csrf }) },
    body: JSON.stringify(body),
  });
}

/** @param {Record<string, string | null | undefined>} query */
export function queryOf(query) {
  const given = Object.entries(query).filter(([, value]) => value);
  if (given.length === 0) return "";
  return `?${new URLSearchParams(/** @type {[string, string][]} */ (given))}`;
}

/**
 * @template T
 * @param {string} path
 * @param {RequestInit} init
 * @returns {Promise<T>}
 */
async function call(path, init) {
  const response = await fetch(path, { credentials: "same-origin", ...init }).catch((error) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, { detail: t("error.unreachable"), hint: t("error.unreachable_hint") });
  });
  if (response.ok)
    return response.status === 204 ? /** @type {T} */ (undefined) : await response.json();
  const retryAfter = response.headers.get("retry-after");
  const problem = await response.json().catch(() => ({}));
  // A session that ended: whatever was asked, the answer is the sign-in page.
  if (response.status === 401 && session.get()) session.set(null);
  throw new ApiError(response.status, problem, retryAfter === null ? null : Number(retryAfter));
}
