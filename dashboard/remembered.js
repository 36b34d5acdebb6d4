/** Choices of this browser's reader: never anything about a lead. */

/**
 * @param {string} name
 * @returns {string | null}
 */
export function recall(name) {
  try {
    return localStorage.getItem(`oncebox.${name}`);
  } catch {
    // Storage may be switched off; then nothing is remembered.
    return null;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
  try {
    localStorage.setItem(`oncebox.${name}`, value);
  } catch {
    // As above.
  }
}
