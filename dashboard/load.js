import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/**
 * @template T
 * @typedef {object} Loaded
 * @property {T | null} data - Null until the first answer; what was shown stays while it is asked again.
 * @property {unknown} error
 * @property {boolean} isLoading
 * @property {() => void} reload
 */

/**
 * What `ask` answers, asked again whenever one of `inputs` changes. An answer that was overtaken is dropped.
 *
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @param {readonly unknown[]} inputs
 * @param {readonly unknown[]} [identity] - What the answer is about: when this changes, the old one is not shown any more.
 * @returns {Loaded<T>}
 */
export function useLoad(ask, inputs, identity = []) {
  const about = JSON.stringify(identity);
  const [state, setState] = useState(
    /** @type {{ about: string, data: T | null, error: unknown, isLoading: boolean }} */ ({
      about,
      data: null,
      error: null,
      isLoading: true,
    }),
  );
  const [again, setAgain] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;

  useEffect(() => {
    const controller = new AbortController();
    setState((before) => ({
      about,
      data: before.about === about ? before.data : null,
      error: null,
      isLoading: true,
    }));
    latest.current(controller.signal).then(
      (data) => {
        if (!controller.signal.aborted) setState({ about, data, error: null, isLoading: false });
      },
      (error) => {
        if (controller.signal.aborted) return;
        setState((before) => ({ ...before, error, isLoading: false }));
      },
    );
    return () => controller.abort();
  }, [...inputs, about, again]);

  const reload = useCallback(() => setAgain((count) => count + 1), []);
  const isCurrent = state.about === about;
  return {
    data: isCurrent ? state.data : null,
    error: isCurrent ? state.error : null,
    isLoading: state.isLoading || !isCurrent,
    reload,
  };
}
