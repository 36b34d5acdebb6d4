import { useState } from "preact/hooks";
import { post } from "../api.js";
import { Chart } from "../charts.js";
import { duration, money, number, shortDuration, t, tWord } from "../i18n.js";
import { connection, overview } from "../live.js";
import { ReasonDialog } from "../parts/dialog.js";
import { Heading } from "../parts/heading.js";
import { html } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Loading } from "../parts/notices.js";
import { ChannelTag } from "../parts/pills.js";
import { say } from "../parts/says.js";
import { Ago, Time } from "../parts/time.js";
import { Words } from "../parts/words.js";
import { href } from "../route.js";
import { may } from "../session.js";
import { useStore } from "../store.js";

/** @import { Channel, ChannelHealth, Overview as Told, Reason } from "../types.d.ts" */
/** @import { Key, Values } from "../i18n.js" */

export function Overview() {
  const told = useStore(overview);
  const heard = useStore(connection);
  const [opening, setOpening] = useState(/** @type {Channel | null} */ (null));
  if (told === null) return html`<${Heading} title=${t("page.overview")} /><${Loading} />`;
  return html`<div class=${heard === "live" ? "" : "stale"}>
    <${Verdict} told=${told} onOpen=${setOpening} />
    <${Figures} told=${told} />
    <${Charts} told=${told} />
    <div class="columns">
      <section aria-labelledby="channels"><h2 id="channels">${t("channels")}</h2>
        ${told.channels.map((it) => html`<${ChannelCard} key=${it.channel} channel=${it} onOpen=${setOpening} />`)}
      </section>
      <${Prevented} told=${told} />
    </div>
    <${Workers} told=${told} />
    ${opening !== null && html`<${OpenDialog} channel=${opening} onClose=${() => setOpening(null)} />`}
  </div>`;
}

/** @param {{ told: Told, onOpen: (channel: Channel) => void }} props */
function Verdict({ told, onOpen }) {
  const tone = told.is_well
    ? "good"
    : told.reasons.some((it) => it.severity === "bad")
      ? "bad"
      : "warn";
  return html`<section class=${`verdict ${tone}`}>
    <div class="verdict-head">
      <span class="verdict-icon"><${Icon} name=${told.is_well ? "check" : "alert"} size=${26} /></span>
      <div><h1 tabindex="-1">${t(told.is_well ? "well" : "not_well")}</h1><p>${summary(told)}</p></div>
    </div>
    ${
      told.reasons.length > 0 &&
      html`<ul class="reasons">${told.reasons.map((it) => html`<${ReasonItem} reason=${it} onOpen=${onOpen} />`)}</ul>`
    }
  </section>`;
}

/** @param {Told} told */
function summary({ minutes, ahead }) {
  const coming = comingOf(ahead);
  const sent = minutes.reduce((sum, it) => sum + it.sms_sent + it.email_sent, 0);
  const lag = latestLag(minutes, "lag_p50_ms");
  const parts = [
    sent === 0 ? t("summary.none") : t("summary.sent", { count: sent }),
    lag !== null && t("summary.lag", { lag: duration(lag) }),
    coming > 0 && t("summary.coming", { count: coming }),
  ];
  return parts.filter(Boolean).join(" ");
}

/** @param {Told["ahead"]} ahead */
function comingOf(ahead) {
  return ahead.reduce((sum, it) => sum + it.sms + it.email, 0);
}

/**
 * Of the last minute in which something was sent.
 *
 * @param {Told["minutes"]} minutes
 * @param {"lag_p50_ms" | "lag_p99_ms"} which
 */
function latestLag(minutes, which) {
  return minutes.findLast((it) => it[which] !== null)?.[which] ?? null;
}

/** Where a reason is looked into. @type {Readonly<Record<string, [page: string, params: Record<string, string>]>>} */
const PLACE = {
  overdue: ["notifications", { state: "pending", order: "oldest" }],
  in_doubt: ["doubt", {}],
  set_aside: ["doubt", {}],
  held: ["notifications", { held: "true" }],
  undelivered: ["notifications", { delivery: "UNDELIV" }],
};

/** @param {{ reason: Reason, onOpen: (channel: Channel) => void }} props */
function ReasonItem({ reason, onOpen }) {
  const values = readable(reason);
  const place = PLACE[reason.code];
  const channel = /** @type {Channel | undefined} */ (reason.values.channel ?? undefined);
  return html`<li class=${reason.severity}>
    <span class="visually-hidden">${t(`severity.${reason.severity}`)}</span>
    <div>
      <strong>${tWord("reason", reason.code, values)}</strong>
      <p>${tWord("reason_do", whatToDo(reason), values)}</p>
      ${reason.code === "channel_paused" && reason.values.reason && html`<p class="muted small"><${Words} text=${String(reason.values.reason)} /></p>`}
    </div>
    ${place && html`<a class="button small" href=${href(place[0], place[1])}>${t("look")}</a>`}
    ${reason.code === "channel_paused" && channel && html`<${OpenButton} channel=${channel} onOpen=${onOpen} />`}
  </li>`;
}

/** Which advice fits: not every provider can be asked, not every pause has time left. @param {Reason} reason */
function whatToDo({ code, values }) {
  if (code === "in_doubt" && values.channel === "email") return "in_doubt_email";
  if (code === "channel_paused" && Date.parse(String(values.until)) <= Date.now())
    return "channel_trying";
  return code;
}

/** @param {Reason} reason @returns {Values} */
function readable({ values }) {
  /** @param {string} key */
  const ago = (key) => {
    const at = values[key];
    return typeof at === "string" ? duration(Date.now() - Date.parse(at)) : "";
  };
  return {
    ...values,
    channel: tWord("channel", /** @type {string} */ (values.channel ?? "")),
    age: ago("oldest_due_at") || ago("oldest_at"),
    for: typeof values.seconds === "number" ? duration(values.seconds * 1000) : "",
    until:
      typeof values.until === "string"
        ? duration(Math.max(0, Date.parse(values.until) - Date.now()))
        : "",
    money:
      values.balance === undefined || values.balance === null
        ? ""
        : money(values.balance, /** @type {string | null} */ (values.currency ?? null)),
  };
}

/** @param {{ channel: Channel, onOpen: (channel: Channel) => void }} props */
function OpenButton({ channel, onOpen }) {
  return may("admin")
    ? html`<button type="button" class="button small" onClick=${() => onOpen(channel)}>${t("channel.open_now")}</button>`
    : html`<span class="muted small">${t("channel.open_who")}</span>`;
}

/** @param {{ channel: Channel, onClose: () => void }} props */
function OpenDialog({ channel, onClose }) {
  const name = tWord("channel", channel);
  return html`<${ReasonDialog} title=${t("channel.open_title", { channel: name })} confirm=${t("channel.open_now")} onClose=${onClose}
    onConfirm=${async (/** @type {string} */ reason) => {
      await post(`/ui/channels/${channel}/open`, { reason });
      say(t("channel.opened", { channel: name }));
      onClose();
    }}><p>${t("channel.open_means")}</p></${ReasonDialog}>`;
}

/** @param {{ told: Told }} props */
function Figures({ told }) {
  const { queue } = told;
  /** @type {[Key, number, Key, string | null, string][]} */
  const figures = [
    [
      "figure.due",
      queue.due,
      "figure.due_means",
      href("notifications", { state: "pending", order: "oldest" }),
      queue.due > 0 && told.reasons.some((it) => it.code === "overdue") ? "warn" : "",
    ],
    [
      "figure.coming",
      comingOf(told.ahead),
      "figure.coming_means",
      href("notifications", { state: "pending", order: "oldest" }),
      "",
    ],
    [
      "figure.claimed",
      queue.claimed,
      "figure.claimed_means",
      href("notifications", { state: "claimed" }),
      "",
    ],
    [
      "figure.unknown",
      queue.unknown,
      "figure.unknown_means",
      href("doubt"),
      queue.unknown > 0 ? "doubt" : "",
    ],
    [
      "figure.held",
      queue.held,
      "figure.held_means",
      href("notifications", { held: "true" }),
      queue.held > 0 ? "warn" : "",
    ],
  ];
  return html`<ul class="figures">${figures.map(
    ([name, value, means, to, tone]) => html`<li class=${`card ${tone}`}>
      <a href=${to}><b>${number(value)}</b><span>${t(name)}</span><small class="muted">${t(means)}</small></a>
    </li>`,
  )}</ul>`;
}

/** @param {{ told: Told }} props */
function Charts({ told: { minutes, ahead } }) {
  const times = minutes.map((it) => Date.parse(it.minute) / 1000);
  const aheadTimes = ahead.map((it) => Date.parse(it.minute) / 1000);
  const sent = minutes.reduce((sum, it) => sum + it.sms_sent + it.email_sent, 0);
  const failed = minutes.reduce((sum, it) => sum + it.failed, 0);
  const inDoubt = minutes.reduce((sum, it) => sum + (it.in_doubt ?? 0), 0);
  const all = sent + failed + inDoubt;
  const lag = latestLag(minutes, "lag_p50_ms");
  const channels = [
    { label: t("channel.sms"), colour: "sms", shape: "bar" },
    { label: t("channel.email"), colour: "email", shape: "bar" },
  ];
  return html`<section class="charts" aria-label=${t("charts")}>
    <${Chart} title=${t("chart.sent")} headline=${number(sent)} note=${t("chart.sent_note")} times=${times} empty=${t("chart.sent_empty")}
      series=${[
        { ...channels[0], values: minutes.map((it) => it.sms_sent) },
        { ...channels[1], values: minutes.map((it) => it.email_sent) },
      ]} />
    <${Chart} title=${t("chart.lag")} headline=${lag === null ? "–" : duration(lag)} note=${t("chart.lag_note")} times=${times} empty=${t("chart.lag_empty")} write=${shortDuration}
      series=${[
        {
          label: t("chart.lag_p50"),
          colour: "calm-line",
          shape: "line",
          values: minutes.map((it) => it.lag_p50_ms),
        },
        {
          label: t("chart.lag_p99"),
          colour: "email",
          shape: "dashes",
          values: minutes.map((it) => it.lag_p99_ms),
        },
      ]} />
    <${Chart} title=${t("chart.outcomes")} headline=${all === 0 ? "–" : share(sent / all)} note=${t("chart.outcomes_note")} times=${times} empty=${t("chart.outcomes_empty")}
      series=${[
        {
          label: t("chart.failed"),
          colour: "failed",
          shape: "bar",
          values: minutes.map((it) => it.failed),
        },
        ...(minutes.every((it) => it.in_doubt === undefined)
          ? []
          : [
              {
                label: t("chart.in_doubt"),
                colour: "in-doubt",
                shape: "bar",
                values: minutes.map((it) => it.in_doubt ?? 0),
              },
            ]),
      ]} />
    <${Chart} title=${t("chart.ahead")} headline=${number(comingOf(ahead))} note=${t("chart.ahead_note")} times=${aheadTimes} empty=${t("chart.ahead_empty")}
      series=${[
        { ...channels[0], values: ahead.map((it) => it.sms) },
        { ...channels[1], values: ahead.map((it) => it.email) },
      ]} />
  </section>`;
}

/** Never 100 % while there is one that is not. @param {number} part */
function share(part) {
  const rounded = part === 1 ? 1 : Math.min(Math.round(part * 1000) / 1000, 0.999);
  return number(rounded, { style: "percent", maximumFractionDigits: 1 });
}

/** @param {{ channel: ChannelHealth, onOpen: (channel: Channel) => void }} props */
function ChannelCard({ channel, onOpen }) {
  const isOpen = channel.state === "open";
  return html`<article class="card row channel-card">
    <${ChannelTag} channel=${channel.channel} />
    <span class=${`pill ${isOpen ? "good" : channel.state === "trying" ? "busy" : "bad"}`}>${t(`channel_state.${channel.state}`)}</span>
    <span class=${`grow${isOpen ? "" : " why"}`}>
      ${
        isOpen
          ? html`<span class="muted">${t("channel.open_is")}</span>`
          : html`<span class="block">${channel.pause_reason && html`<${Words} text=${channel.pause_reason} />`}</span>
            <span class="muted small block">${channel.state === "paused" && channel.paused_until ? html`${t("channel.until")} <${Ago} at=${channel.paused_until} />` : t("channel.trying_means")}</span>`
      }
      ${
        channel.balance !== null &&
        html`<span class="muted small block">${t("channel.balance")} <b class="balance">${money(channel.balance, channel.balance_currency)}</b>${channel.balance_at && html`, <${Ago} at=${channel.balance_at} />`}</span>`
      }
    </span>
    ${!isOpen && html`<${OpenButton} channel=${channel.channel} onOpen=${onOpen} />`}
  </article>`;
}

/** @param {{ told: Told }} props */
function Prevented({ told: { prevented } }) {
  /** @type {[Key, number][]} */
  const parts = [
    ["prevented.already_sent", prevented.already_sent],
    ["prevented.repeated", prevented.repeated],
    ["prevented.found_sent", prevented.found_sent],
  ];
  return html`<section aria-labelledby="prevented"><h2 id="prevented">${t("prevented")}</h2>
    <article class="card prevented">
      <p class="figure"><b>${number(prevented.total)}</b> ${t("prevented.count", { count: prevented.total })}</p>
      <p class="muted">${
        prevented.saved === null
          ? t("prevented.no_price")
          : t("prevented.saved", { money: money(prevented.saved, prevented.currency) })
      }</p>
      <dl class="pairs">${parts.map(([name, value]) => html`<div><dt>${t(name)}</dt><dd>${number(value)}</dd></div>`)}</dl>
    </article>
  </section>`;
}

/** @param {{ told: Told }} props */
function Workers({ told: { workers, claims, last_sweep_at } }) {
  return html`<section aria-labelledby="workers"><h2 id="workers">${t("workers")} <span class="muted">${number(workers.length)}</span></h2>
    <article class="card flush">
      ${
        workers.length === 0
          ? html`<p class="pad">${t("workers.none")}</p>`
          : html`<table class="rows"><thead><tr>
            <th scope="col">${t("worker.id")}</th><th scope="col">${t("worker.pid")}</th><th scope="col">${t("worker.version")}</th>
            <th scope="col">${t("worker.since")}</th><th scope="col">${t("worker.holds")}</th></tr></thead>
            <tbody>${workers.map(
              (it) => html`<tr key=${it.id}>
                <td data-label=${t("worker.id")}><code title=${it.id}>${it.id.slice(0, 8)}</code></td>
                <td data-label=${t("worker.pid")}>${it.pid}</td>
                <td data-label=${t("worker.version")}>${it.version}</td>
                <td data-label=${t("worker.since")}><${Time} at=${it.started_at} /></td>
                <td data-label=${t("worker.holds")}>${t("worker.claims", { count: it.claims })}</td>
              </tr>`,
            )}</tbody></table>`
      }
      ${
        claims.length > 0 &&
        html`<ul class="claims">${claims.slice(0, MOST_CLAIMS).map(
          (it) => html`<li key=${it.notification_id}>
            <${ChannelTag} channel=${it.channel} />
            <a href=${href("people", { lead: it.lead_id })}>№ ${it.notification_id}</a>
            <span class="muted">${t("attempt.number", { number: it.attempt })} · ${t("worker.by")} <code>${it.worker_id.slice(0, 8)}</code> · <${Ago} at=${it.started_at} /></span>
          </li>`,
        )}</ul>`
      }
      <p class="pad muted small">${last_sweep_at === null ? t("sweep.never") : html`${t("sweep.last")} <${Ago} at=${last_sweep_at} />. ${t("sweep.means")}`}</p>
    </article>
  </section>`;
}

const MOST_CLAIMS = 10;
