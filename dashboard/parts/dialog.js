import { useEffect, useId, useRef, useState } from "preact/hooks";
import { t } from "../i18n.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { Failure } from "./notices.js";

/**
 * A window over the page. Escape closes it; the focus goes back to where it came from.
 *
 * @param {{ title: string, onClose: () => void, wide?: boolean, children?: unknown }} props
 */
export function Dialog({ title, onClose, wide = false, children }) {
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const heading = useId();
  useEffect(() => {
    const opener = document.activeElement;
    const dialog = ref.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
      // The list may have been drawn anew since: then its page is a better place than none.
      const home = opener instanceof HTMLElement && opener.isConnected ? opener : pageHeading();
      home?.focus();
    };
  }, []);
  return html`<dialog ref=${ref} class=${wide ? "dialog wide" : "dialog"} aria-labelledby=${heading}
    onCancel=${(/** @type {Event} */ event) => {
      event.preventDefault();
      onClose();
    }}>
    <header class="dialog-head">
      <h2 id=${heading}>${title}</h2>
      <button type="button" class="button quiet square" aria-label=${t("close")} onClick=${onClose}><${Icon} name="cross" /></button>
    </header>
    ${children}
  </dialog>`;
}

function pageHeading() {
  return /** @type {HTMLElement | null} */ (document.querySelector("main h1"));
}

const SHORTEST_REASON = 3;
const LONGEST_REASON = 500;

/**
 * Asks for a reason, does it, and closes when it is done.
 *
 * @param {{ title: string, confirm: string, tone?: "bad" | "plain", isReady?: boolean,
 *   onConfirm: (reason: string) => Promise<void>, onClose: () => void, children?: unknown }} props
 */
export function ReasonDialog({ title, confirm, tone = "plain", onConfirm, onClose, children }) {
  return html`<${Dialog} title=${title} onClose=${onClose}>
    ${children}
    <${ReasonForm} confirm=${confirm} tone=${tone} onConfirm=${onConfirm} onClose=${onClose} />
  </${Dialog}>`;
}

/**
 * @param {{ confirm: string, tone?: "bad" | "plain", onConfirm: (reason: string) => Promise<void>, onClose: () => void }} props
 */
export function ReasonForm({ confirm, tone = "plain", onConfirm, onClose }) {
  const [reason, setReason] = useState("");
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [isBusy, setIsBusy] = useState(false);
  const field = useId();

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    setIsBusy(true);
    setError(null);
    try {
      await onConfirm(reason.trim());
    } catch (failure) {
      setError(failure);
      setIsBusy(false);
    }
  }

  return html`<form class="stack" onSubmit=${submit}>
    <div class="field">
      <label for=${field}>${t("reason.label")}</label>
      <textarea id=${field} rows="2" required minlength=${SHORTEST_REASON} maxlength=${LONGEST_REASON} value=${reason}
        aria-describedby=${`${field}-help`}
        onInput=${(/** @type {InputEvent} */ event) => setReason(textOf(event))}></textarea>
      <p class="help" id=${`${field}-help`}>${t("reason.help")}</p>
    </div>
    <${Failure} error=${error} />
    <div class="dialog-foot">
      <button type="button" class="button" onClick=${onClose}>${t("back_out")}</button>
      <button type="submit" class=${`button ${tone === "bad" ? "danger" : "primary"}`} disabled=${isBusy || reason.trim().length < SHORTEST_REASON}>${confirm}</button>
    </div>
  </form>`;
}

/** @param {Event} event */
export function textOf(event) {
  return /** @type {HTMLInputElement} */ (event.currentTarget).value;
}
