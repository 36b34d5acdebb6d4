import { useEffect, useState } from "preact/hooks";

/**
 * A value that several parts of the page read, and that tells them when it changes.
 *
 * @template T
 * @param {T} initial
 */
export function createStore(initial) {
  let value = initial;
  /** @type {Set<(value: T) => void>} */
  const listeners = new Set();
  return {
    get: () => value,
    /** @param {T} next */
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener(value);
    },
    /** @param {(value: T) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * @template T
 * @typedef {ReturnType<typeof createStore<T>>} Store
 */

/**
 * The store's value, now and whenever it changes.
 *
 * @template T
 * @param {Store<T>} store
 * @returns {T}
 */
export function useStore(store) {
  const [value, setValue] = useState(() => store.get());
  useEffect(() => {
    // What changed between the first drawing and this moment.
    setValue(() => store.get());
    const end = store.subscribe((next) => setValue(() => next));
    return () => void end();
  }, [store]);
  return value;
}
