import { createStore, useStore } from "../store.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

/** The last thing that was done, shown for a while and read out by screen readers. */
const said = createStore(/** @type {{ text: string, tone: "good" | "bad" } | null} */ (null));
const SHOWN_MS = 6_000;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * @param {string} text
 * @param {"good" | "bad"} [tone]
 */
export function say(text, tone = "good") {
  clearTimeout(timer);
  said.set({ text, tone });
  timer = setTimeout(() => said.set(null), SHOWN_MS);
}

export function Says() {
  const now = useStore(said);
  return html`<div class="says" role="status" aria-live="polite">
    ${now && html`<p class=${`say ${now.tone}`}><${Icon} name=${now.tone === "good" ? "check" : "alert"} />${now.text}</p>`}
  </div>`;
}
