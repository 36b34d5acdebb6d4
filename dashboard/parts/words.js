import { useState } from "preact/hooks";
import { t } from "../i18n.js";
import { html } from "./html.js";

const SHOWN_CHARACTERS = 240;

/**
 * What somebody else wrote: a name, a provider's answer, a reason. Kept from turning the text around
 * it, and cut where it is endless.
 *
 * @param {{ text: string | null | undefined, most?: number }} props
 */
export function Words({ text, most = SHOWN_CHARACTERS }) {
  const [isWhole, setIsWhole] = useState(false);
  if (!text) return null;
  const characters = Array.from(text);
  if (characters.length <= most || isWhole) return html`<bdi class="words">${text}</bdi>`;
  return html`<bdi class="words cut">${characters.slice(0, most).join("")}…</bdi>${" "}
    <button type="button" class="link" onClick=${() => setIsWhole(true)}>
      ${t("words.all", { count: characters.length })}
    </button>`;
}
