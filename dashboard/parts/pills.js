import { t, tWord } from "../i18n.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

/** @import { Channel, Notification, State } from "../types.d.ts" */

/** @type {Readonly<Record<State, string>>} */
const TONE = {
  pending: "calm",
  claimed: "busy",
  sent: "good",
  failed: "bad",
  unknown: "doubt",
  cancelled: "quiet",
};

/**
 * How the provider's last word about an SMS looks; what is not here is not a last word.
 *
 * @type {Readonly<Record<string, string>>}
 */
export const DELIVERY_TONE = {
  DELIVRD: "good",
  UNDELIV: "bad",
  REJECTD: "bad",
  EXPIRED: "bad",
  DELETED: "bad",
  DECLINED: "bad",
};

/** @param {{ state: State }} props */
export function StatePill({ state }) {
  return html`<span class=${`pill ${TONE[state] ?? "quiet"}`} title=${tWord("state_means", state)}>${tWord("state", state)}</span>`;
}

/**
 * How it stands with one message, its reason and its delivery included.
 *
 * @param {{ of: Notification }} props
 */
export function Standing({ of }) {
  return html`<span class="standing">
    <${StatePill} state=${of.state} />
    ${of.is_held && html`<span class="pill doubt" title=${t("held_means")}>${t("held")}</span>`}
    ${of.delivery && html`<span class=${`pill ${DELIVERY_TONE[of.delivery] ?? "quiet"}`}>${tWord("delivery", of.delivery)}</span>`}
    ${of.state_reason && html`<bdi class="muted small clip" title=${of.state_reason}>${tWord("state_reason", of.state_reason)}</bdi>`}
  </span>`;
}

/** @param {{ channel: Channel }} props */
export function ChannelTag({ channel }) {
  return html`<span class=${`channel ${channel}`}><${Icon} name=${channel === "sms" ? "sms" : "email"} size=${16} />${tWord("channel", channel)}</span>`;
}
