import { createStore } from "./store.js";

/**
 * @typedef {object} Route
 * @property {string} page - The first word after `#/`.
 * @property {URLSearchParams} params - Ids and filters; never a name, a number or an address.
 */

/** @returns {Route} */
function read() {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { page: path === "" ? "overview" : path, params: new URLSearchParams(query) };
}

/** Where the reader is. Kept in the hash, so that back and reload work. */
export const route = createStore(read());
addEventListener("hashchange", () => route.set(read()));

/**
 * @param {string} page
 * @param {Record<string, string | null | undefined>} [params]
 */
export function href(page, params = {}) {
  const given = Object.entries(params).filter(([, value]) => value);
  const query = new URLSearchParams(/** @type {[string, string][]} */ (given)).toString();
  return `#/${page}${query === "" ? "" : `?${query}`}`;
}

/**
 * @param {string} page
 * @param {Record<string, string | null | undefined>} [params]
 */
export function go(page, params = {}) {
  location.hash = href(page, params);
}
