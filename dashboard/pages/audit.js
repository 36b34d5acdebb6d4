import { get } from "../api.js";
import { t, tWord } from "../i18n.js";
import { changes } from "../live.js";
import { useLoad } from "../load.js";
import { Heading } from "../parts/heading.js";
import { html } from "../parts/html.js";
import { Empty, Failure, Loading } from "../parts/notices.js";
import { Time } from "../parts/time.js";
import { Words } from "../parts/words.js";
import { href } from "../route.js";
import { useStore } from "../store.js";

/** @import { ActRow, Page } from "../types.d.ts" */

/** @param {{ params: URLSearchParams }} props */
export function Audit({ params }) {
  const cursor = params.get("cursor");
  const happening = useStore(changes);
  const page = useLoad(
    (signal) => /** @type {Promise<Page<ActRow>>} */ (get("/ui/acts", { cursor }, signal)),
    [happening],
    [cursor],
  );
  const items = page.data?.items ?? [];
  return html`
    <${Heading} title=${t("page.audit")} about=${t("audit.about")} />
    <${Failure} error=${page.error} onRetry=${page.reload} />
    ${!page.data && page.isLoading && html`<${Loading} />`}
    ${page.data && items.length === 0 && html`<${Empty} icon="audit" title=${t("audit.none")}><p class="muted">${t("audit.none_help")}</p></${Empty}>`}
    ${
      items.length > 0 &&
      html`<div class="card flush"><table class="rows audit">
        <thead><tr><th scope="col">${t("audit.at")}</th><th scope="col">${t("audit.who")}</th><th scope="col">${t("audit.what")}</th><th scope="col">${t("audit.to")}</th><th scope="col">${t("audit.why")}</th></tr></thead>
        <tbody>${items.map(
          (it) => html`<tr key=${it.id}>
            <td data-label=${t("audit.at")}><${Time} at=${it.at} /></td>
            <td data-label=${t("audit.who")}><b><${Words} text=${it.actor} most=${60} /></b></td>
            <td data-label=${t("audit.what")}><span>${tWord("event", it.action)}${it.from_state && it.to_state && it.from_state !== it.to_state && html`<span class="muted small block">${tWord("state", it.from_state)} → ${tWord("state", it.to_state)}</span>`}</span></td>
            <td data-label=${t("audit.to")}><${Subject} of=${it} /></td>
            <td data-label=${t("audit.why")}><${Words} text=${it.reason} /></td>
          </tr>`,
        )}</tbody></table></div>`
    }
    <nav class="pager" aria-label=${t("pages")}>
      ${cursor !== null && html`<a class="button" href=${href("audit")}>${t("pages.first")}</a>`}
      ${page.data?.next_cursor && html`<a class="button" href=${href("audit", { cursor: page.data.next_cursor })}>${t("pages.next")}</a>`}
    </nav>`;
}

/** @param {{ of: ActRow }} props */
function Subject({ of }) {
  const label =
    of.notification_id !== null
      ? `№ ${of.notification_id}`
      : of.lead_id !== null
        ? t("audit.lead")
        : null;
  return html`${label !== null && (of.lead_id !== null ? html`<a href=${href("people", { lead: of.lead_id })}>${label}</a>` : label)}
    ${of.subject && html` <${Words} text=${of.subject} most=${80} />`}
    ${label === null && !of.subject && "–"}`;
}
