import { useState } from "preact/hooks";
import { get } from "../api.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { textOf } from "../parts/dialog.js";
import { Heading } from "../parts/heading.js";
import { html } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Empty, Failure, Loading } from "../parts/notices.js";
import { Time } from "../parts/time.js";
import { Words } from "../parts/words.js";
import { href } from "../route.js";
import { LeadStory } from "./lead.js";

/** @import { Lead } from "../types.d.ts" */

const LONGEST_QUERY = 254;

/** @param {{ params: URLSearchParams }} props */
export function People({ params }) {
  const lead = params.get("lead");
  return lead === null ? html`<${Search} />` : html`<${LeadStory} key=${lead} id=${lead} />`;
}

/** A number or an address must not be in the address bar: it stays with this entry of the browser's history. */
function remembered() {
  const state = /** @type {{ query?: unknown } | null} */ (history.state);
  return typeof state?.query === "string" ? state.query : "";
}

function Search() {
  const [text, setText] = useState(remembered);
  const [query, setQuery] = useState(remembered);
  const found = useLoad(
    async (signal) =>
      query === ""
        ? null
        : await get("/ui/people", { q: query }, signal).then(
            (it) => /** @type {{ items: Lead[] }} */ (it),
          ),
    [query],
    [query],
  );

  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    const wanted = text.trim();
    history.replaceState({ query: wanted }, "");
    setQuery(wanted);
    if (wanted === query) found.reload();
  }

  return html`
    <${Heading} title=${t("page.people")} about=${t("people.about")} />
    <form class="search" role="search" onSubmit=${submit}>
      <label class="visually-hidden" for="who">${t("people.label")}</label>
      <span class="search-field"><${Icon} name="search" /><input id="who" type="search" maxlength=${LONGEST_QUERY} autocomplete="off" spellcheck=${false} autofocus
        placeholder=${t("people.placeholder")} value=${text} onInput=${(/** @type {Event} */ event) => setText(textOf(event))} /></span>
      <button type="submit" class="button primary" disabled=${text.trim() === ""}>${t("people.find")}</button>
    </form>
    <div aria-live="polite">
      <${Failure} error=${found.error} onRetry=${found.reload} />
      ${query !== "" && found.isLoading && !found.data && html`<${Loading} />`}
      ${query === "" && html`<${Empty} icon="people" title=${t("people.start")}><p class="muted">${t("people.start_help")}</p></${Empty}>`}
      ${found.data && html`<${Found} items=${found.data.items} />`}
    </div>`;
}

/** @param {{ items: Lead[] }} props */
function Found({ items }) {
  if (items.length === 0) {
    return html`<${Empty} icon="search" title=${t("people.none")}><p class="muted">${t("people.none_help")}</p></${Empty}>`;
  }
  return html`<p class="muted">${t("people.count", { count: items.length })}</p>
    <ul class="card flush list">${items.map(
      (it) => html`<li key=${it.id}><a class="list-link" href=${href("people", { lead: it.id })}>
        <span class="avatar"><${Icon} name="person" /></span>
        <span class="grow"><b><${Words} text=${it.name ?? t("lead.no_name")} most=${60} /></b>
          <span class="muted contact"><bdi>${it.phone ?? ""}</bdi> <bdi>${it.email ?? ""}</bdi></span></span>
        <span class="muted small right"><${Time} at=${it.created_at} /><br /><bdi class="clip">${it.source ?? ""}</bdi></span>
      </a></li>`,
    )}</ul>`;
}
