import { duration, t, tWord } from "../i18n.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { ChannelTag, DELIVERY_TONE } from "./pills.js";
import { Time } from "./time.js";
import { Words } from "./words.js";

/** @import { Attempt, Channel, LeadStory, Tried } from "../types.d.ts" */
/** @import { IconName } from "./icons.js" */

/**
 * @typedef {object} Entry
 * @property {string | null} at
 * @property {Channel | null} channel
 * @property {string} title
 * @property {string | null} by
 * @property {string} [note]
 * @property {(string | null)[]} words - Somebody else's.
 * @property {string} tone
 * @property {IconName} icon
 */

/** Told from the attempts and lookups themselves, with what the provider said. */
const TOLD_ELSEWHERE = new Set([
  ...["claimed", "accepted", "rejected", "not_sent", "unknown", "released", "swept"],
  ...["looked_up", "planned"],
]);

/** @type {Readonly<Record<string, [tone: string, icon: IconName]>>} */
const LOOK = {
  registered: ["calm", "plus"],
  accepted: ["good", "check"],
  rejected: ["bad", "cross"],
  unknown: ["doubt", "doubt"],
  not_sent: ["warn", "alert"],
  "is sent": ["good", "check"],
  "is failed": ["bad", "cross"],
  "is cancelled": ["quiet", "cross"],
  reveal: ["person", "eye"],
};

/**
 * Everything that happened to one lead, the first first.
 *
 * @param {{ story: LeadStory }} props
 */
export function Timeline({ story }) {
  const entries = entriesOf(story);
  return html`<section aria-labelledby="timeline"><h2 id="timeline">${t("timeline")}</h2>
    <ol class="timeline card">${entries.map(
      (it) => html`<li class=${it.tone}>
        <span class="dot"><${Icon} name=${it.icon} size=${15} /></span>
        <div class="grow">
          <p class="entry-head"><b>${it.title}</b>${it.channel && html`<${ChannelTag} channel=${it.channel} />`}</p>
          ${it.note && html`<p class="muted small">${it.note}</p>`}
          ${it.by && html`<p class="muted small">${t("timeline.by")} <${Words} text=${it.by} most=${60} /></p>`}
          ${it.words.filter(Boolean).map((words) => html`<p class="quoted"><${Words} text=${words} /></p>`)}
        </div>
        <span class="muted small when"><${Time} at=${it.at} /></span>
      </li>`,
    )}</ol>
  </section>`;
}

/** @param {LeadStory} story @returns {Entry[]} */
function entriesOf(story) {
  const entries = [
    ...story.history.filter((it) => !isTold(it, story)).map(fromHistory),
    ...story.notifications.flatMap(fromNotification),
  ];
  // What has no time is older than all that has one.
  return entries.sort((one, other) => (one.at ?? "").localeCompare(other.at ?? ""));
}

/**
 * The end of a message is told by the attempt that ended it, if one did.
 *
 * @param {LeadStory["history"][number]} row
 * @param {LeadStory} story
 */
function isTold({ event, notification_id }, { notifications }) {
  const ending = ENDED_BY[event];
  if (ending === undefined) return TOLD_ELSEWHERE.has(event);
  const attempts = notifications.find((it) => it.id === notification_id)?.attempts ?? [];
  return attempts.at(-1)?.outcome === ending;
}

/** @type {Readonly<Record<string, string>>} */
const ENDED_BY = { "is sent": "accepted", "is failed": "rejected" };

/** How the history begins to say how far an SMS got, as in `delivery DELIVRD`. */
const DELIVERY = "delivery ";

/** @param {LeadStory["history"][number]} row @returns {Entry} */
function fromHistory(row) {
  const status = row.event.startsWith(DELIVERY) ? row.event.slice(DELIVERY.length) : null;
  const [tone, icon] = status === null ? lookOf(row) : deliveryLook(status);
  return {
    at: row.at,
    channel: row.channel,
    title:
      status === null
        ? tWord("event", row.event)
        : t("event.delivery", { status: tWord("delivery", status) }),
    by: row.by,
    words: [wordsOf(row)],
    tone,
    icon,
  };
}

/** @param {LeadStory["history"][number]} row @returns {[tone: string, icon: IconName]} */
function lookOf({ event, by }) {
  return LOOK[event] ?? (by === null ? ["calm", "clock"] : ["person", "person"]);
}

/** @param {string} status @returns {[tone: string, icon: IconName]} */
function deliveryLook(status) {
  switch (DELIVERY_TONE[status]) {
    case "good":
      return ["good", "check"];
    case "bad":
      return ["bad", "cross"];
    default:
      return ["calm", "sms"];
  }
}

/** @param {LeadStory["history"][number]} row */
function wordsOf({ event, detail }) {
  // Where it came from is told above, in the reader's language.
  if (event === "registered") return null;
  return event.startsWith("is ") ? tWord("state_reason", detail) : detail;
}

/** @param {Tried} notification @returns {Entry[]} */
function fromNotification({ channel, due_at, attempts, lookups, state }) {
  const isAhead = state === "pending" && Date.parse(due_at) > Date.now();
  /** @type {Entry[]} */
  const due = [
    {
      at: due_at,
      channel,
      title: t(isAhead ? "event.due_ahead" : "event.due"),
      by: null,
      words: [],
      tone: "calm",
      icon: "clock",
    },
  ];
  return [
    ...due,
    ...attempts.map((it) => fromAttempt(it, channel)),
    ...lookups.map((it) => ({
      at: it.at,
      channel,
      title: t("event.looked_up", {
        finding: tWord("finding", it.finding),
        verdict: tWord("verdict", it.verdict),
      }),
      by: null,
      words: [it.detail],
      tone: it.verdict === "later" ? "doubt" : "calm",
      icon: /** @type {IconName} */ ("search"),
    })),
  ];
}

/** @param {Attempt} attempt @param {Channel} channel @returns {Entry} */
function fromAttempt({ attempt, started_at, ended_at, outcome, code, detail }, channel) {
  if (ended_at === null) {
    const title = t("event.attempt", { number: attempt });
    return { at: started_at, channel, title, by: null, words: [], tone: "busy", icon: "send" };
  }
  const [tone, icon] = LOOK[outcome ?? ""] ?? ["quiet", "clock"];
  const took = duration(Date.parse(ended_at) - Date.parse(started_at));
  return {
    at: ended_at,
    channel,
    title: t("event.attempt_ended", { number: attempt, outcome: tWord("outcome", outcome) }),
    by: null,
    note: t("event.took", { took }),
    words: [[code, detail].filter(Boolean).join(": ")],
    tone,
    icon,
  };
}
