import { useState } from "preact/hooks";
import { get } from "../api.js";
import { t, tWord } from "../i18n.js";
import { changes } from "../live.js";
import { useLoad } from "../load.js";
import { ActDialog, RESOLUTIONS } from "../parts/act-dialog.js";
import { Heading } from "../parts/heading.js";
import { html } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Empty, Failure, Loading } from "../parts/notices.js";
import { ChannelTag } from "../parts/pills.js";
import { Ago, Time } from "../parts/time.js";
import { Words } from "../parts/words.js";
import { href } from "../route.js";
import { may } from "../session.js";
import { useStore } from "../store.js";

/** @import { Doubted, Outcome, Page } from "../types.d.ts" */

/** @param {{ params: URLSearchParams }} props */
export function Doubt({ params }) {
  const cursor = params.get("cursor");
  const happening = useStore(changes);
  const [choice, setChoice] = useState(
    /** @type {{ id: string, outcome: Outcome } | null} */ (null),
  );
  const page = useLoad(
    (signal) => /** @type {Promise<Page<Doubted>>} */ (get("/ui/doubt", { cursor }, signal)),
    [happening],
    [cursor],
  );
  const { data } = page;
  return html`
    <${Heading} title=${t("page.doubt")} about=${t("doubt.about")} />
    <${Failure} error=${page.error} onRetry=${page.reload} />
    ${!data && page.isLoading && html`<${Loading} />`}
    ${data?.items.length === 0 && html`<${Empty} icon="check" title=${t("doubt.none")}><p class="muted">${t("doubt.none_help")}</p></${Empty}>`}
    ${data?.items.map((it) => html`<${Case} key=${it.id} of=${it} onChoose=${(/** @type {Outcome} */ outcome) => setChoice({ id: it.id, outcome })} />`)}
    <nav class="pager" aria-label=${t("pages")}>
      ${cursor !== null && html`<a class="button" href=${href("doubt")}>${t("pages.first")}</a>`}
      ${data?.next_cursor && html`<a class="button" href=${href("doubt", { cursor: data.next_cursor })}>${t("pages.next")}</a>`}
    </nav>
    ${
      choice !== null &&
      html`<${ActDialog} action="resolve" outcome=${choice.outcome} target=${{ ids: [choice.id] }} onClose=${() => setChoice(null)} onDone=${page.reload} />`
    }`;
}

/** @param {{ of: Doubted, onChoose: (outcome: Outcome) => void }} props */
function Case({ of, onChoose }) {
  const since = of.attempts.at(-1)?.started_at ?? of.due_at;
  const why = `why-${of.id}`;
  return html`<article class="card case" aria-label=${`№ ${of.id}`}>
    <header class="row wrap">
      <${ChannelTag} channel=${of.channel} />
      <a href=${href("people", { lead: of.lead_id })}><bdi>${of.recipient}</bdi></a>
      <span class="muted">№ ${of.id} · ${t("doubt.since")} <${Ago} at=${since} /></span>
      <span class="grow"></span>
      <bdi class="muted small clip">${tWord("state_reason", of.state_reason)}</bdi>
    </header>
    <div class="case-facts">
      <section><h3>${t("doubt.tried")}</h3>
        <ul class="plain-list">${of.attempts.map(
          (
            it,
          ) => html`<li><span class="muted small"><${Time} at=${it.started_at} /></span> ${t("event.attempt_ended", { number: it.attempt, outcome: tWord("outcome", it.outcome) || t("outcome.open") })}
            <p class="quoted"><${Words} text=${[it.code, it.detail].filter(Boolean).join(": ")} /></p></li>`,
        )}</ul></section>
      <section><h3>${t("doubt.record")}</h3>
        ${
          of.lookups.length === 0
            ? html`<p class="muted">${t(of.channel === "email" ? "doubt.no_record_email" : "doubt.no_record_sms")}</p>`
            : html`<ul class="plain-list">${of.lookups.slice(-MOST_LOOKUPS).map(
                (
                  it,
                ) => html`<li><span class="muted small"><${Time} at=${it.at} /></span> ${tWord("finding", it.finding)} → ${tWord("verdict", it.verdict)}
                  ${it.detail && html`<p class="quoted"><${Words} text=${it.detail} /></p>`}</li>`,
              )}</ul>`
        }
        ${of.reference && html`<p class="small">${t("doubt.reference")} <code class="reference">${of.reference}</code></p>`}
      </section>
    </div>
    <div class="choices" role="group" aria-label=${t("doubt.choose")}>${RESOLUTIONS.map(
      ({
        outcome,
        label,
      }) => html`<button type="button" class=${`choice ${outcome}`} disabled=${!may("operate")} aria-describedby=${may("operate") ? undefined : why}
        onClick=${() => onChoose(/** @type {Outcome} */ (outcome))}><b>${t(label)}…</b><span>${t(`act_means.${/** @type {Outcome} */ (outcome)}`)}</span></button>`,
    )}</div>
    ${!may("operate") && html`<p class="muted small" id=${why}><${Icon} name="shield" size=${14} /> ${t("needs.operate")}</p>`}
  </article>`;
}

const MOST_LOOKUPS = 5;
