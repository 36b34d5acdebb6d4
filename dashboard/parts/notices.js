import { ApiError } from "../api.js";
import { t } from "../i18n.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { Words } from "./words.js";

/** @import { IconName } from "./icons.js" */

/**
 * What went wrong, and what to do about it.
 *
 * @param {{ error: unknown, onRetry?: () => void }} props
 */
export function Failure({ error, onRetry }) {
  if (!error) return null;
  const known = error instanceof ApiError ? error : null;
  return html`<div class="notice bad" role="alert">
    <${Icon} name="alert" />
    <div>
      <strong><${Words} text=${known?.message ?? String(error)} /></strong>
      ${known?.errors.map((it) => html`<p><${Words} text=${[it.field, it.message].filter(Boolean).join(": ")} /></p>`)}
      ${known?.hint && html`<p><${Words} text=${known.hint} /></p>`}
      ${known?.code && html`<p class="muted small">${known.code}</p>`}
      ${onRetry && html`<button type="button" class="button small" onClick=${onRetry}>${t("again")}</button>`}
    </div>
  </div>`;
}

/**
 * @param {{ icon: IconName, title: string, children?: unknown }} props
 */
export function Empty({ icon, title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} size=${28} /><p class="empty-title">${title}</p>${children}</div>`;
}

export function Loading() {
  return html`<div class="loading" role="status"><span class="visually-hidden">${t("loading")}</span><i></i><i></i><i></i></div>`;
}
