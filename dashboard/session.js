import { createStore } from "./store.js";

/** @import { Me, Scope } from "./types.d.ts" */

/** Who is signed in; null = nobody, undefined = not asked yet. */
export const session = createStore(/** @type {Me | null | undefined} */ (undefined));

/**
 * Whether the reader may do this. The server decides; here only what is offered.
 *
 * @param {Scope} scope
 */
export function may(scope) {
  return session.get()?.scopes.includes(scope) ?? false;
}

/** The highest of what the reader may do. */
export function level() {
  if (may("admin")) return "admin";
  return may("operate") ? "operate" : "read";
}
