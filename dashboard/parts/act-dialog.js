import { useState } from "preact/hooks";
import { post } from "../api.js";
import { t, tWord } from "../i18n.js";
import { useLoad } from "../load.js";
import { href } from "../route.js";
import { Dialog, ReasonForm } from "./dialog.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { Failure, Loading } from "./notices.js";
import { ChannelTag, StatePill } from "./pills.js";
import { Words } from "./words.js";

/** @import { Acted, Action, Notification, Outcome, Preview } from "../types.d.ts" */
/** @import { Key } from "../i18n.js" */

/**
 * @typedef {object} Choice
 * @property {Action} action
 * @property {Outcome} [outcome]
 * @property {Key} label
 */

/** @type {readonly Choice[]} */
export const RESOLUTIONS = [
  { action: "resolve", outcome: "sent", label: "act.sent" },
  { action: "resolve", outcome: "not_sent", label: "act.not_sent" },
  { action: "resolve", outcome: "send_again", label: "act.send_again" },
];

/** @type {readonly Choice[]} */
export const CHOICES = [
  { action: "cancel", label: "act.cancel" },
  { action: "retry", label: "act.retry" },
  ...RESOLUTIONS,
];

/**
 * What can be done about one message as it is now. The database has the last word.
 *
 * @param {Notification} notification
 * @returns {readonly Choice[]}
 */
export function actionsFor({ state, is_held }) {
  if (state === "unknown") return RESOLUTIONS;
  if (state !== "pending") return [];
  return is_held
    ? CHOICES.filter(
        (it) => it.action === "cancel" || it.outcome === "sent" || it.outcome === "send_again",
      )
    : CHOICES.filter((it) => it.action !== "resolve");
}

/**
 * Shows exactly how many and which, asks for a reason, does it, and says what was refused.
 *
 * @param {{ action: Action, outcome?: Outcome, target: { ids: string[] } | { filter: object },
 *   onClose: () => void, onDone: () => void }} props
 */
export function ActDialog({ action, outcome, target, onClose, onDone }) {
  const [acted, setActed] = useState(/** @type {Acted | null} */ (null));
  const preview = useLoad(
    () =>
      /** @type {Promise<Preview>} */ (
        post("/ui/preview", { action, ...(outcome && { outcome }), ...target })
      ),
    [],
  );
  const name = /** @type {Outcome | "cancel" | "retry"} */ (outcome ?? action);
  const { data } = preview;

  /** @param {string} reason */
  async function act(reason) {
    const ids = data?.ids ?? [];
    setActed(await post("/ui/act", { action, ...(outcome && { outcome }), ids, reason }));
    onDone();
  }

  return html`<${Dialog} title=${t(`act.${name}`)} onClose=${onClose} wide=${true}>
    ${
      acted !== null
        ? html`<${Result} acted=${acted} onClose=${onClose} />`
        : html`
          <p class=${`consequence ${outcome === "send_again" ? "bad" : ""}`}>${t(`act_means.${name}`)}</p>
          <${Failure} error=${preview.error} onRetry=${preview.reload} />
          ${!data && preview.isLoading && html`<${Loading} />`}
          ${data && html`<${Which} preview=${data} />`}
          ${
            data &&
            data.ids.length > 0 &&
            html`<${ReasonForm} tone=${outcome === "send_again" || action === "cancel" ? "bad" : "plain"} onClose=${onClose} onConfirm=${act}
              confirm=${t(`act_do.${name}`, { count: data.ids.length })} />`
          }`
    }
  </${Dialog}>`;
}

/** @param {{ preview: Preview }} props */
function Which({ preview: { count, ids, sample, refused, is_cut } }) {
  const rest = ids.filter((id) => !sample.some((it) => it.id === id));
  return html`
    <p class="how-many"><b>${t("act.count", { count: ids.length })}</b> ${is_cut && t("act.cut", { count, most: ids.length })}</p>
    <ul class="sample">${sample.map(
      (it) =>
        html`<li key=${it.id}><span class="muted">№ ${it.id}</span><${ChannelTag} channel=${it.channel} /><bdi class="clip">${it.recipient}</bdi><${StatePill} state=${it.state} /></li>`,
    )}</ul>
    ${rest.length > 0 && html`<details><summary>${t("act.rest", { count: rest.length })}</summary><p class="ids">${rest.map((id) => `№ ${id}`).join(", ")}</p></details>`}
    ${refused.length > 0 && html`<${Refused} title=${t("act.refused_before", { count: refused.length })} rows=${refused.map((it) => [it.id, it.reason])} />`}`;
}

/** @param {{ title: string, rows: string[][] }} props */
function Refused({ title, rows }) {
  return html`<details class="notice warn" open=${rows.length <= 5}><summary>${title}</summary>
    <ul class="plain-list">${rows.map(([id, why]) => html`<li>№ ${id}: <${Words} text=${tWord("refused", why)} /></li>`)}</ul></details>`;
}

/** @param {{ acted: Acted }} props */
function CutShort({ acted: { unanswered, not_tried } }) {
  return html`<div class="notice bad" role="alert"><${Icon} name="alert" /><div>
    <p>${t("act.unanswered", { id: unanswered ?? "" })}</p>
    ${not_tried.length > 0 && html`<details open=${not_tried.length <= 5}><summary>${t("act.not_tried", { count: not_tried.length })}</summary><p class="ids">${not_tried.map((id) => `№ ${id}`).join(", ")}</p></details>`}
  </div></div>`;
}

/** @param {{ acted: Acted, onClose: () => void }} props */
function Result({ acted, onClose }) {
  return html`<div class="stack" role="status">
    <p class="how-many good"><${Icon} name="check" /> <b>${t("act.done", { count: acted.done.length })}</b></p>
    ${acted.refused.length > 0 && html`<${Refused} title=${t("act.refused_after", { count: acted.refused.length })} rows=${acted.refused.map((it) => [it.id, it.detail])} />`}
    ${acted.unanswered !== null && html`<${CutShort} acted=${acted} />`}
    <p class="muted small">${t("act.audited")} <a href=${href("audit")} onClick=${onClose}>${t("page.audit")}</a></p>
    <div class="dialog-foot"><button type="button" class="button primary" autofocus onClick=${onClose}>${t("close")}</button></div>
  </div>`;
}
