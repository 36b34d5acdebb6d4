import { useState } from "preact/hooks";
import { get, post } from "../api.js";
import { duration, t, tWord } from "../i18n.js";
import { changes } from "../live.js";
import { useLoad } from "../load.js";
import { ActDialog, actionsFor } from "../parts/act-dialog.js";
import { ReasonDialog } from "../parts/dialog.js";
import { Heading } from "../parts/heading.js";
import { html } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Failure, Loading } from "../parts/notices.js";
import { ChannelTag, Standing } from "../parts/pills.js";
import { Ago, Time } from "../parts/time.js";
import { Timeline } from "../parts/timeline.js";
import { Words } from "../parts/words.js";
import { href } from "../route.js";
import { may } from "../session.js";
import { useStore } from "../store.js";

/** @import { LeadStory as Story, Tried } from "../types.d.ts" */
/** @import { Choice } from "../parts/act-dialog.js" */

/** @param {{ id: string }} props */
export function LeadStory({ id }) {
  const happening = useStore(changes);
  const story = useLoad(
    (signal) =>
      /** @type {Promise<Story>} */ (get(`/ui/leads/${encodeURIComponent(id)}`, {}, signal)),
    [happening],
    [id],
  );
  const lead = story.data;
  return html`
    <p class="crumb"><a href=${href("people")}><${Icon} name="back" size=${16} />${t("lead.back")}</a></p>
    ${!lead && html`<${Heading} title=${t("lead.title")} />`}
    <${Failure} error=${story.error} onRetry=${story.reload} />
    ${!lead && story.isLoading && html`<${Loading} />`}
    ${lead && html`<${Person} lead=${lead} onChange=${story.reload} /><${Messages} lead=${lead} onChange=${story.reload} /><${Timeline} story=${lead} />`}`;
}

/** @param {{ lead: Story, onChange: () => void }} props */
function Person({ lead, onChange }) {
  const [isAsking, setIsAsking] = useState(false);
  const [clear, setClear] = useState(
    /** @type {{ name: string | null, phone: string | null, email: string | null } | null} */ (
      null
    ),
  );
  const shown = clear ?? lead;
  return html`<section class="card person">
    <div class="person-head">
      <span class="avatar big"><${Icon} name="person" size=${26} /></span>
      <div class="grow">
        <h1 tabindex="-1"><${Words} text=${shown.name ?? t("lead.no_name")} most=${80} /></h1>
        <p class="contact">
          ${shown.phone && html`<span><${Icon} name="sms" size=${16} /><bdi>${shown.phone}</bdi></span>`}
          ${shown.email && html`<span><${Icon} name="email" size=${16} /><bdi>${shown.email}</bdi></span>`}
        </p>
      </div>
      ${
        lead.erased_at === null &&
        clear === null &&
        html`<span class="right"><button type="button" class="button" disabled=${!may("operate")} aria-describedby=${may("operate") ? undefined : "no-reveal"} onClick=${() => setIsAsking(true)}><${Icon} name="eye" />${t("reveal")}</button>
          ${!may("operate") && html`<small class="muted block" id="no-reveal">${t("needs.operate")}</small>`}</span>`
      }
      ${clear !== null && html`<span class="pill busy">${t("reveal.shown")}</span>`}
    </div>
    <dl class="facts">
      <div><dt>${t("lead.registered")}</dt><dd><${Time} at=${lead.created_at} /></dd></div>
      <div><dt>${t("lead.source")}</dt><dd><${Words} text=${lead.source ?? "–"} most=${60} /></dd></div>
      <div><dt>${t("lead.kind")}</dt><dd><${Words} text=${lead.kind ?? "–"} most=${60} /></dd></div>
      ${(lead.repeats ?? 0) > 0 && html`<div><dt>${t("lead.repeats")}</dt><dd>${t("lead.repeats_count", { count: lead.repeats })}</dd></div>`}
      <div><dt>${t("lead.id")}</dt><dd><code class="small">${lead.id}</code></dd></div>
    </dl>
    ${lead.erased_at !== null && html`<p class="notice"><${Icon} name="shield" /><span>${t("lead.erased")} <${Time} at=${lead.erased_at} /></span></p>`}
    ${
      isAsking &&
      html`<${ReasonDialog} title=${t("reveal.title")} confirm=${t("reveal")} onClose=${() => setIsAsking(false)}
        onConfirm=${async (/** @type {string} */ reason) => {
          setClear(await post(`/ui/leads/${encodeURIComponent(lead.id)}/reveal`, { reason }));
          setIsAsking(false);
          onChange();
        }}><p>${t("reveal.means")}</p></${ReasonDialog}>`
    }
  </section>`;
}

/** @param {{ lead: Story, onChange: () => void }} props */
function Messages({ lead, onChange }) {
  const [choice, setChoice] = useState(/** @type {(Choice & { id: string }) | null} */ (null));
  return html`<div class="columns">${lead.notifications.map(
    (
      it,
    ) => html`<section key=${it.id} class="card message" aria-label=${tWord("channel", it.channel)}>
      <div class="row"><${ChannelTag} channel=${it.channel} /><span class="grow"></span><a class="muted small" href=${href("notifications", { lead_id: lead.id })}>№ ${it.id}</a></div>
      <p class="message-now">${storyOf(it)}</p>
      <${Standing} of=${it} />
      <div class="row wrap">${actionsFor(it).map(
        (
          one,
        ) => html`<button type="button" class=${`button small${one.outcome === "send_again" || one.action === "cancel" ? " danger-ink" : ""}`} disabled=${!may("operate")}
          title=${may("operate") ? undefined : t("needs.operate")} onClick=${() => setChoice({ ...one, id: it.id })}>${t(one.label)}…</button>`,
      )}</div>
    </section>`,
  )}
  ${
    choice !== null &&
    html`<${ActDialog} action=${choice.action} outcome=${choice.outcome} target=${{ ids: [choice.id] }} onClose=${() => setChoice(null)} onDone=${onChange} />`
  }</div>`;
}

/** How it stands with one message, as one would say it. @param {Tried} it */
function storyOf(it) {
  switch (it.state) {
    case "pending":
      if (it.is_held) return t("story.held");
      return Date.parse(it.due_at) > Date.now()
        ? html`${t(it.attempt === 0 ? "story.waits" : "story.waits_again")} <${Ago} at=${it.due_at} />`
        : t("story.due");
    case "claimed":
      return t("story.claimed");
    case "sent":
      return html`${t("story.sent")} <${Time} at=${it.settled_at} />${lagOf(it)}`;
    case "unknown":
      return t("story.unknown");
    case "failed":
      return html`${t("story.failed")} <${Time} at=${it.settled_at} />`;
    case "cancelled":
      return html`${t("story.cancelled")} <${Time} at=${it.settled_at} />`;
  }
}

/** @param {Tried} it */
function lagOf({ due_at, settled_at, attempts }) {
  const ms = Date.parse(settled_at ?? "") - Date.parse(due_at);
  // After a retry the due time is the retry's own, and says nothing about the promise.
  if (attempts.length !== 1 || !(ms >= 0)) return "";
  return ` ${t("story.lag", { lag: duration(ms) })}`;
}
