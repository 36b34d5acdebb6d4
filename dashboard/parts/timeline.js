import { t, tWord } from "../i18n.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { ChannelTag, DELIVERY_TONE } from "./pills.js";
import { Time } from "./time.js";
import { Words } from "./words.js";

/** @import { Channel, LeadStory, Tried } from "../types.d.ts" */
/** @import { IconName } from "./icons.js" */

/**
 * @typedef {object} Entry
 * @property {string | null} at
 * @property {Channel | null} channel
 * @property {string} title
 * @property {string | null} by
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
    ...story.history.filter((it) => !TOLD_ELSEWHERE.has(it.event)).map(fromHistory),
    ...story.notifications.flatMap(fromNotification),
  ];
  // What has no time is older than all that has one.
  return entries.sort((one, other) => (one.at ?? "").localeCompare(other.at ?? ""));
}

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
    ...attempts.flatMap((it) => {
      const [tone, icon] = LOOK[it.outcome ?? ""] ?? ["quiet", "clock"];
      /** @type {Entry[]} */
      const steps = [
        {
          at: it.started_at,
          channel,
          title: t("event.attempt", { number: it.attempt }),
          by: null,
          words: [],
          tone: "busy",
          icon: "send",
        },
      ];
      if (it.ended_at !== null) {
        const title = t("event.attempt_ended", {
          number: it.attempt,
          outcome: tWord("outcome", it.outcome),
        });
        steps.push({
          at: it.ended_at,
          channel,
          title,
          by: null,
          words: [[it.code, it.detail].filter(Boolean).join(": ")],
          tone,
          icon,
        });
      }
      return steps;
    }),
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
