import { useEffect, useState } from "preact/hooks";
import { moment, relative } from "../i18n.js";
import { html } from "./html.js";

/**
 * A moment in the reader's own zone, with UTC in the tooltip.
 *
 * @param {{ at: string | null | undefined }} props
 */
export function Time({ at }) {
  if (!at) return html`<span class="muted">–</span>`;
  return html`<time dateTime=${at} title=${utc(at)}>${moment(new Date(at))}</time>`;
}

/**
 * How long ago, or how soon; counts by itself.
 *
 * @param {{ at: string }} props
 */
export function Ago({ at }) {
  const now = useNow();
  return html`<time dateTime=${at} title=${utc(at)}>${relative(Date.parse(at) - now)}</time>`;
}

/** The time now, once a second. */
export function useNow() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** @param {string} at */
function utc(at) {
  const parsed = new Date(at);
  return Number.isNaN(parsed.valueOf())
    ? at
    : `${parsed.toISOString().replace("T", " ").replace("Z", "")} UTC`;
}
