import { useEffect, useState } from "preact/hooks";
import { get, queryOf } from "../api.js";
import { t, tWord } from "../i18n.js";
import { changes } from "../live.js";
import { useLoad } from "../load.js";
import { ActDialog, CHOICES } from "../parts/act-dialog.js";
import { textOf } from "../parts/dialog.js";
import { Heading } from "../parts/heading.js";
import { html } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Empty, Failure, Loading } from "../parts/notices.js";
import { ChannelTag, Standing } from "../parts/pills.js";
import { Time } from "../parts/time.js";
import { go, href } from "../route.js";
import { may } from "../session.js";
import { useStore } from "../store.js";

/** @import { Notification, Page } from "../types.d.ts" */
/** @import { Choice } from "../parts/act-dialog.js" */

const FILTERS = /** @type {const} */ (["state", "channel", "delivery", "held", "lead_id"]);
const OPTIONS = /** @type {const} */ ({
  state: ["pending", "claimed", "sent", "failed", "unknown", "cancelled"],
  channel: ["sms", "email"],
  delivery: ["moderation", "DELIVRD", "UNDELIV", "REJECTD", "EXPIRED", "DELETED", "DECLINED"],
});
const LIMIT = "50";

/** @param {{ params: URLSearchParams }} props */
export function Notifications({ params }) {
  const filter = Object.fromEntries(
    FILTERS.map((it) => [it, params.get(it)]).filter(([, value]) => value),
  );
  const order = params.get("order") === "oldest" ? "oldest" : "newest";
  const cursor = params.get("cursor");
  const happening = useStore(changes);
  const identity = [filter, order, cursor];
  const [chosen, setChosen] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const [isAll, setIsAll] = useState(false);
  const [choice, setChoice] = useState(/** @type {Choice | null} */ (null));
  const page = useLoad(
    (signal) =>
      /** @type {Promise<Page<Notification>>} */ (
        get("/ui/notifications", { ...filter, order, cursor, limit: LIMIT }, signal)
      ),
    [happening],
    identity,
  );
  const about = JSON.stringify(identity);
  useEffect(clear, [about]);
  const items = page.data?.items ?? [];

  function clear() {
    setChosen(new Set());
    setIsAll(false);
  }

  /** @param {string} id */
  function toggle(id) {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
    setIsAll(false);
  }

  function togglePage() {
    const isWhole = items.every((it) => chosen.has(it.id));
    setChosen(isWhole ? new Set() : new Set(items.map((it) => it.id)));
    setIsAll(false);
  }

  return html`
    <${Heading} title=${t("page.notifications")} about=${t("notifications.about")}>
      <a class="button" href=${`/ui/notifications.csv${queryOf(filter)}`} download><${Icon} name="down" />${t("csv")}</a>
    </${Heading}>
    <${Filters} filter=${filter} order=${order} />
    <${Failure} error=${page.error} onRetry=${page.reload} />
    ${!page.data && page.isLoading && html`<${Loading} />`}
    ${page.data && items.length === 0 && html`<${Empty} icon="notifications" title=${t("notifications.none")}><p class="muted">${t("notifications.none_help")}</p></${Empty}>`}
    ${items.length > 0 && html`<${Rows} items=${items} chosen=${chosen} onToggle=${toggle} onTogglePage=${togglePage} />`}
    <nav class="pager" aria-label=${t("pages")}>
      ${cursor !== null && html`<a class="button" href=${href("notifications", { ...filter, order })}>${t("pages.first")}</a>`}
      ${page.data?.next_cursor && html`<a class="button" href=${href("notifications", { ...filter, order, cursor: page.data.next_cursor })}>${t("pages.next")}</a>`}
    </nav>
    ${
      chosen.size > 0 &&
      html`<${Bar} count=${chosen.size} isAll=${isAll} canAll=${chosen.size === items.length && (page.data?.next_cursor !== null || cursor !== null)} isHeldOnly=${filter.held === "true"}
        states=${new Set(items.filter((it) => chosen.has(it.id)).map((it) => it.state))}
        onAll=${() => setIsAll(true)} onClear=${clear} onChoose=${setChoice} />`
    }
    ${
      choice !== null &&
      html`<${ActDialog} action=${choice.action} outcome=${choice.outcome} target=${isAll ? { filter } : { ids: [...chosen] }}
        onClose=${() => setChoice(null)} onDone=${() => {
          clear();
          page.reload();
        }} />`
    }`;
}

/** @param {{ filter: Record<string, string | null>, order: string }} props */
function Filters({ filter, order }) {
  /** @param {Record<string, string | null>} change */
  const change = (change) => go("notifications", { ...filter, order, ...change });
  return html`<form class="filters" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    ${
      /** @type {(keyof typeof OPTIONS)[]} */ (Object.keys(OPTIONS)).map(
        (name) => html`<label class="filter"><span>${t(`filter.${name}`)}</span>
        <select value=${filter[name] ?? ""} onChange=${(/** @type {Event} */ event) => change({ [name]: textOf(event) })}>
          <option value="">${t("filter.any")}</option>
          ${OPTIONS[name].map((it) => html`<option value=${it} selected=${filter[name] === it}>${tWord(name, it)}</option>`)}
        </select></label>`,
      )
    }
    <label class="filter"><span>${t("filter.order")}</span>
      <select value=${order} onChange=${(/** @type {Event} */ event) => change({ order: textOf(event) })}>
        <option value="newest" selected=${order === "newest"}>${t("order.newest")}</option>
        <option value="oldest" selected=${order === "oldest"}>${t("order.oldest")}</option>
      </select></label>
    <label class="check"><input type="checkbox" checked=${filter.held === "true"} onChange=${() => change({ held: filter.held === "true" ? null : "true" })} /> ${t("filter.held")}</label>
    ${filter.lead_id && html`<span class="pill quiet">${t("filter.one_lead")}</span>`}
    ${Object.keys(filter).length > 0 && html`<a class="button small quiet" href=${href("notifications")}><${Icon} name="cross" size=${14} />${t("filter.clear")}</a>`}
  </form>`;
}

/** @param {{ items: Notification[], chosen: ReadonlySet<string>, onToggle: (id: string) => void, onTogglePage: () => void }} props */
function Rows({ items, chosen, onToggle, onTogglePage }) {
  const canAct = may("operate");
  const isWhole = items.every((it) => chosen.has(it.id));
  return html`<div class="card flush">
    <table class="rows notifications">
      <thead><tr>
        ${canAct && html`<th scope="col" class="tick"><input type="checkbox" aria-label=${t("select.page")} checked=${isWhole} indeterminate=${!isWhole && chosen.size > 0} onChange=${onTogglePage} /></th>`}
        <th scope="col">${t("column.id")}</th><th scope="col">${t("filter.channel")}</th><th scope="col">${t("column.recipient")}</th>
        <th scope="col">${t("filter.state")}</th><th scope="col">${t("column.due")}</th><th scope="col" class="optional">${t("column.settled")}</th><th scope="col" class="optional">${t("column.attempts")}</th>
      </tr></thead>
      <tbody>${items.map(
        (it) => html`<tr key=${it.id} class=${chosen.has(it.id) ? "chosen" : ""}>
          ${canAct && html`<td class="tick"><input type="checkbox" aria-label=${t("select.one", { id: it.id })} checked=${chosen.has(it.id)} onChange=${() => onToggle(it.id)} /></td>`}
          <td data-label=${t("column.id")}><a href=${href("people", { lead: it.lead_id })}>№ ${it.id}</a></td>
          <td data-label=${t("filter.channel")}><${ChannelTag} channel=${it.channel} /></td>
          <td class="whom" data-label=${t("column.recipient")}><bdi class="clip">${it.recipient}</bdi></td>
          <td class="how" data-label=${t("filter.state")}><${Standing} of=${it} /></td>
          <td class="due" data-label=${t("column.due")}><${Time} at=${it.due_at} /></td>
          <td class="optional" data-label=${t("column.settled")}><${Time} at=${it.settled_at} /></td>
          <td class="optional" data-label=${t("column.attempts")}>${it.attempt}</td>
        </tr>`,
      )}</tbody>
    </table>
  </div>
  ${!canAct && html`<p class="muted small"><${Icon} name="shield" size=${14} /> ${t("needs.operate")}</p>`}`;
}

/**
 * @param {{ count: number, isAll: boolean, canAll: boolean, isHeldOnly: boolean, states: Set<string>, onAll: () => void,
 *   onClear: () => void, onChoose: (choice: Choice) => void }} props
 */
function Bar({ count, isAll, canAll, isHeldOnly, states, onAll, onClear, onChoose }) {
  const fits = CHOICES.filter((it) =>
    states.has(it.action === "resolve" && !isHeldOnly ? "unknown" : "pending"),
  );
  return html`<section class="bar" aria-label=${t("select.bar")}>
    <div class="row wrap"><b>${isAll ? t("select.all_chosen") : t("select.chosen", { count })}</b>
    ${canAll && !isAll && html`<button type="button" class="link" onClick=${onAll}>${t("select.all")}</button>`}
    <button type="button" class="link" onClick=${onClear}>${t("select.none")}</button></div>
    <div class="row wrap">
    ${fits.map((it) => html`<button type="button" class=${`button small ${it.action === "cancel" || it.outcome === "send_again" ? "danger-ink" : ""}`} onClick=${() => onChoose(it)}>${t(it.label)}…</button>`)}
    ${fits.length === 0 && html`<span class="muted small">${t("select.nothing_fits")}</span>`}</div>
  </section>`;
}
