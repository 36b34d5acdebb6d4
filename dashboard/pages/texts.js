import { useEffect, useId, useState } from "preact/hooks";
import { get, post } from "../api.js";
import { money, t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Dialog, ReasonDialog, textOf } from "../parts/dialog.js";
import { Heading } from "../parts/heading.js";
import { html } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Empty, Failure, Loading } from "../parts/notices.js";
import { ChannelTag } from "../parts/pills.js";
import { say } from "../parts/says.js";
import { Time } from "../parts/time.js";
import { Words } from "../parts/words.js";
import { go, href } from "../route.js";
import { may } from "../session.js";

/** @import { Rendered, Template, Templates } from "../types.d.ts" */

/** @param {{ params: URLSearchParams }} props */
export function Texts({ params }) {
  const templates = useLoad(
    (signal) => /** @type {Promise<Templates>} */ (get("/ui/templates", {}, signal)),
    [],
  );
  const items = templates.data?.items ?? [];
  const shown =
    items.find((it) => it.kind === params.get("kind") && it.channel === params.get("channel")) ??
    items[0];
  return html`
    <${Heading} title=${t("page.texts")} about=${t("texts.about")} />
    <${Failure} error=${templates.error} onRetry=${templates.reload} />
    ${!templates.data && templates.isLoading && html`<${Loading} />`}
    ${templates.data && items.length === 0 && html`<${Empty} icon="texts" title=${t("texts.none")} />`}
    ${
      shown &&
      html`<nav class="tabs" aria-label=${t("page.texts")}>${items.map(
        (
          it,
        ) => html`<a href=${href("texts", { kind: it.kind, channel: it.channel })} aria-current=${it === shown ? "true" : undefined}>
          <${ChannelTag} channel=${it.channel} /><bdi class="clip">${it.kind}</bdi></a>`,
      )}</nav>
      <${Editor} key=${`${shown.kind} ${shown.channel}`} template=${shown} hasPrice=${templates.data?.price !== null} onSaved=${templates.reload} />`
    }`;
}

const PREVIEW_PAUSE_MS = 250;
const VARIABLE = /\{\{\s*([\p{L}\p{N}_]+)\s*(?:\|[^}]*)?\}\}/gu;

/** @param {{ template: Template, hasPrice: boolean, onSaved: () => void }} props */
function Editor({ template, hasPrice, onSaved }) {
  const isEmail = template.channel === "email";
  const [subject, setSubject] = useState(template.subject ?? "");
  const [body, setBody] = useState(template.body);
  const [name, setName] = useState(t("texts.example_name"));
  const [data, setData] = useState(/** @type {Record<string, string>} */ ({}));
  const [asking, setAsking] = useState(/** @type {"save" | "test" | null} */ (null));
  const settled = useSettled({ subject, body, name, data });
  const isChanged = body !== template.body || subject !== (template.subject ?? "");
  const variables = [
    ...new Set([...`${subject} ${body}`.matchAll(VARIABLE)].map(([, it = ""]) => it)),
  ].filter((it) => it !== "name");
  const preview = useLoad(
    () =>
      /** @type {Promise<Rendered>} */ (
        post("/ui/templates/preview", {
          channel: template.channel,
          subject: isEmail ? settled.subject : null,
          body: settled.body,
          name: settled.name,
          data: filled(settled.data),
        })
      ),
    [JSON.stringify(settled)],
    [template.kind, template.channel],
  );
  const ids = useId();

  return html`<div class="editor">
    <section class="card stack" aria-label=${t("texts.edit")}>
      ${!may("admin") && html`<p class="notice"><${Icon} name="shield" /><span>${t("needs.admin_texts")}</span></p>`}
      ${
        isEmail &&
        html`<div class="field"><label for=${`${ids}-subject`}>${t("texts.subject")}</label>
        <input id=${`${ids}-subject`} maxlength="500" readonly=${!may("admin")} value=${subject} onInput=${(/** @type {Event} */ event) => setSubject(textOf(event))} /></div>`
      }
      <div class="field"><label for=${`${ids}-body`}>${t("texts.body")}</label>
        <textarea id=${`${ids}-body`} rows=${isEmail ? 10 : 6} maxlength=${isEmail ? 20_000 : 1_000} readonly=${!may("admin")} value=${body} aria-describedby=${`${ids}-help`}
          onInput=${(/** @type {Event} */ event) => setBody(textOf(event))}></textarea>
        <p class="help" id=${`${ids}-help`}>${t("texts.help")} <code>${t("texts.help_example")}</code></p></div>
      <div class="row wrap">
        <button type="button" class="button primary" disabled=${!may("admin") || !isChanged || body.trim() === ""} title=${may("admin") ? undefined : t("needs.admin")} onClick=${() => setAsking("save")}>${t("texts.save")}…</button>
        <button type="button" class="button" disabled=${!may("admin") || isChanged} title=${may("admin") ? (isChanged ? t("texts.test_after_save") : undefined) : t("needs.admin")} onClick=${() => setAsking("test")}><${Icon} name="send" size=${16} />${t("texts.test")}…</button>
        ${
          isChanged &&
          html`<button type="button" class="button quiet" onClick=${() => {
            setBody(template.body);
            setSubject(template.subject ?? "");
          }}>${t("texts.undo")}</button>`
        }
        <span class="grow"></span><span class="muted small">${t("texts.changed")} <${Time} at=${template.updated_at} /></span>
      </div>
    </section>
    <section class="card stack" aria-labelledby=${`${ids}-preview`}>
      <h2 id=${`${ids}-preview`}>${t("texts.preview")}</h2>
      <div class="variables">
        <${Variable} label="name" value=${name} onChange=${setName} />
        ${variables.map((it) => html`<${Variable} key=${it} label=${it} value=${data[it] ?? ""} onChange=${(/** @type {string} */ value) => setData({ ...data, [it]: value })} />`)}
      </div>
      <${Failure} error=${preview.error} />
      ${preview.data && html`<${Shown} rendered=${preview.data} isEmail=${isEmail} hasPrice=${hasPrice} />`}
    </section>
    ${
      asking === "save" &&
      html`<${ReasonDialog} title=${t("texts.save")} confirm=${t("texts.save")} onClose=${() => setAsking(null)}
        onConfirm=${async (/** @type {string} */ reason) => {
          await post("/ui/templates/save", {
            kind: template.kind,
            channel: template.channel,
            subject: isEmail ? subject : null,
            body,
            reason,
          });
          setAsking(null);
          say(t("texts.saved"));
          onSaved();
        }}><p>${t("texts.save_means")}</p></${ReasonDialog}>`
    }
    ${asking === "test" && html`<${TestSend} template=${template} name=${name} data=${filled(data)} onClose=${() => setAsking(null)} />`}
  </div>`;
}

/** @param {{ label: string, value: string, onChange: (value: string) => void }} props */
function Variable({ label, value, onChange }) {
  const id = useId();
  return html`<div class="field"><label for=${id}><code>${`{{${label}}}`}</code></label><input id=${id} value=${value} maxlength="500" onInput=${(/** @type {Event} */ event) => onChange(textOf(event))} /></div>`;
}

/** @param {{ rendered: Rendered, isEmail: boolean, hasPrice: boolean }} props */
function Shown({ rendered, isEmail, hasPrice }) {
  return html`
    ${rendered.missing.length > 0 && html`<p class="notice warn"><${Icon} name="alert" /><span>${t("texts.missing", { names: rendered.missing.join(", ") })}</span></p>`}
    ${
      isEmail
        ? html`<div class="mail"><b class="mail-subject"><${Words} text=${rendered.subject ?? ""} most=${200} /></b><p class="mail-text"><${Words} text=${rendered.body} most=${3_000} /></p></div>`
        : html`<div class="bubble-row"><p class="bubble"><${Words} text=${rendered.body} most=${1_000} /></p></div>`
    }
    <dl class="facts">
      <div><dt>${t("texts.characters")}</dt><dd>${rendered.characters}</dd></div>
      ${!isEmail && rendered.segments !== null && html`<div><dt>${t("texts.segments")}</dt><dd>${t("texts.segments_count", { count: rendered.segments })}</dd></div>`}
      ${!isEmail && html`<div><dt>${t("texts.cost")}</dt><dd>${rendered.cost === null || rendered.cost === undefined ? (hasPrice ? "–" : t("texts.no_price")) : money(rendered.cost, rendered.currency ?? null)}</dd></div>`}
    </dl>`;
}

/** @param {{ template: Template, name: string, data: Record<string, string>, onClose: () => void }} props */
function TestSend({ template, name, data, onClose }) {
  const [to, setTo] = useState("");
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [isBusy, setIsBusy] = useState(false);
  const id = useId();
  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    setIsBusy(true);
    setError(null);
    try {
      const { kind, channel } = template;
      const sent = /** @type {{ lead_id: string }} */ (
        await post("/ui/templates/test", { kind, channel, to: to.trim(), name, data })
      );
      onClose();
      say(t("texts.test_sent"));
      go("people", { lead: sent.lead_id });
    } catch (failure) {
      setError(failure);
      setIsBusy(false);
    }
  }
  return html`<${Dialog} title=${t("texts.test")} onClose=${onClose}>
    <form class="stack" onSubmit=${submit}>
      <p>${t("texts.test_means")}</p>
      <div class="field"><label for=${id}>${t(template.channel === "sms" ? "texts.test_phone" : "texts.test_email")}</label>
        <input id=${id} type=${template.channel === "sms" ? "tel" : "email"} required maxlength="254" autocomplete="off" autofocus value=${to} onInput=${(/** @type {Event} */ event) => setTo(textOf(event))} /></div>
      <${Failure} error=${error} />
      <div class="dialog-foot"><button type="button" class="button" onClick=${onClose}>${t("back_out")}</button>
        <button type="submit" class="button primary" disabled=${isBusy || to.trim() === ""}>${t("texts.test")}</button></div>
    </form>
  </${Dialog}>`;
}

/** A variable that is left empty is one that is missing. @param {Record<string, string>} data */
function filled(data) {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== ""));
}

/**
 * The value once it has not changed for a moment: a preview is not asked for at every key.
 *
 * @template T
 * @param {T} value
 * @returns {T}
 */
function useSettled(value) {
  const [settled, setSettled] = useState(value);
  const key = JSON.stringify(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PREVIEW_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [key]);
  return settled;
}
