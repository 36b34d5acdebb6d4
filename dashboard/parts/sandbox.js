import { useEffect, useId, useState } from "preact/hooks";
import { get, post } from "../api.js";
import { t } from "../i18n.js";
import { landed } from "../live.js";
import { recall, remember } from "../remembered.js";
import { href } from "../route.js";
import { useStore } from "../store.js";
import { textOf } from "./dialog.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { Failure } from "./notices.js";
import { Time, useNow } from "./time.js";
import { Words } from "./words.js";

/** @import { Landed, LeadStory } from "../types.d.ts" */

/** Somebody's phone and mailbox, and a form to register them: the whole way, on one screen. */
export function Sandbox() {
  const messages = useStore(landed);
  const [isShown, setIsShown] = useState(recall("sandbox") !== "hidden");
  useEffect(() => {
    // What came before this page was opened; what comes meanwhile is told live, and may be in both.
    void get("/ui/sandbox").then(
      (earlier) => {
        const known = landed.get();
        const { messages: all } = /** @type {{ messages: Landed[] }} */ (earlier);
        landed.set([...known, ...all.filter((it) => !known.some((one) => isSame(one, it)))]);
      },
      () => {},
    );
  }, []);

  function toggle() {
    remember("sandbox", isShown ? "hidden" : "shown");
    setIsShown(!isShown);
  }

  return html`<aside class="sandbox" aria-label=${t("sandbox")}>
    <header class="row"><h2 class="grow">${t("sandbox")}</h2>
      <button type="button" class="button quiet small" aria-expanded=${isShown} onClick=${toggle}>${t(isShown ? "sandbox.hide" : "sandbox.show")}</button></header>
    ${
      isShown &&
      html`<p class="muted small">${t("sandbox.about")}</p>
      <${Register} arrived=${messages} />
      <${Phone} messages=${messages.filter((it) => it.channel === "sms")} />
      <${Mailbox} messages=${messages.filter((it) => it.channel === "email")} />`
    }
  </aside>`;
}

/** @param {Landed} one @param {Landed} other */
function isSame(one, other) {
  return one.channel === other.channel && one.at === other.at && one.to === other.to;
}

/** @param {{ arrived: Landed[] }} props */
function Register({ arrived }) {
  const [lead, setLead] = useState({
    name: t("sandbox.name"),
    phone: "+7 777 123 45 67",
    email: "aigerim@example.kz",
  });
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [isBusy, setIsBusy] = useState(false);
  const [story, setStory] = useState(/** @type {LeadStory | null} */ (null));
  const ids = useId();

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    setIsBusy(true);
    setError(null);
    try {
      const made = /** @type {{ lead_id: string }} */ (
        await post("/ui/sandbox/lead", filled(lead))
      );
      setStory(await get(`/ui/leads/${encodeURIComponent(made.lead_id)}`));
    } catch (failure) {
      setError(failure);
    }
    setIsBusy(false);
  }

  useEffect(() => {
    if (story === null) return;
    void get(`/ui/leads/${encodeURIComponent(story.id)}`).then(
      (now) => setStory(/** @type {LeadStory} */ (now)),
      () => {},
    );
  }, [arrived]);

  return html`<form class="card stack tight register" onSubmit=${submit}>
    ${
      /** @type {const} */ (["name", "phone", "email"]).map(
        (
          field,
        ) => html`<div class="field inline"><label for=${`${ids}-${field}`}>${t(`sandbox.field_${field}`)}</label>
        <input id=${`${ids}-${field}`} value=${lead[field]} maxlength="254" autocomplete="off" onInput=${(/** @type {Event} */ event) => setLead({ ...lead, [field]: textOf(event) })} /></div>`,
      )
    }
    <button type="submit" class="button primary" disabled=${isBusy || (lead.phone.trim() === "" && lead.email.trim() === "")}><${Icon} name="plus" size=${16} />${t("sandbox.register")}</button>
    <${Failure} error=${error} />
    ${story !== null && html`<${Progress} story=${story} />`}
  </form>`;
}

/** @param {Record<string, string>} lead */
function filled(lead) {
  const entries = Object.entries(lead).map(([field, value]) => [field, value.trim()]);
  return Object.fromEntries(entries.filter(([, value]) => value !== ""));
}

/** @param {{ story: LeadStory }} props */
function Progress({ story }) {
  const now = useNow();
  return html`<div class="progress" role="status">
    <p><${Icon} name="check" size=${15} /> ${t("sandbox.registered")} <a href=${href("people", { lead: story.id })}>${t("sandbox.timeline")}</a></p>
    ${story.notifications.map((it) => {
      const waitMs = Date.parse(it.due_at) - now;
      const isDone = it.state !== "pending" && it.state !== "claimed";
      return html`<p class=${isDone ? "done" : ""}><${Icon} name=${isDone ? "check" : "clock"} size=${15} /> ${t(`channel.${it.channel}`)}: ${
        isDone
          ? t(`state.${it.state}`)
          : waitMs > 0
            ? t("sandbox.due_in", { count: Math.ceil(waitMs / 1000) })
            : t("sandbox.sending")
      }</p>`;
    })}
  </div>`;
}

const MOST_SHOWN = 8;

/** @param {{ messages: Landed[] }} props */
function Phone({ messages }) {
  return html`<section class="phone" aria-label=${t("sandbox.phone")}>
    <p class="phone-top"><${Icon} name="sms" size=${14} />${t("sandbox.phone")}</p>
    <ul class="phone-screen" aria-live="polite">${messages.slice(0, MOST_SHOWN).map(
      (
        it,
      ) => html`<li key=${`${it.at} ${it.to}`}><p class="bubble"><${Words} text=${it.text} most=${320} /></p>
        <small class="muted"><bdi>${it.to}</bdi> · <${Time} at=${it.at} /></small></li>`,
    )}
    ${messages.length === 0 && html`<li class="nothing muted">${t("sandbox.no_sms")}</li>`}</ul>
  </section>`;
}

/** @param {{ messages: Landed[] }} props */
function Mailbox({ messages }) {
  return html`<section class="mailbox" aria-label=${t("sandbox.mailbox")}>
    <p class="phone-top"><${Icon} name="email" size=${14} />${t("sandbox.mailbox")}</p>
    <ul aria-live="polite">${messages.slice(0, MOST_SHOWN).map(
      (
        it,
      ) => html`<li key=${`${it.at} ${it.to}`}><details><summary><b><${Words} text=${it.subject ?? ""} most=${120} /></b>
        <small class="muted block"><bdi>${it.to}</bdi> · <${Time} at=${it.at} /></small></summary>
        <p class="mail-text"><${Words} text=${it.text} most=${2_000} /></p></details></li>`,
    )}
    ${messages.length === 0 && html`<li class="nothing muted">${t("sandbox.no_email")}</li>`}</ul>
  </section>`;
}
