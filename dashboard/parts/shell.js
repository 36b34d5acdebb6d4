import { useEffect, useRef, useState } from "preact/hooks";
import { post } from "../api.js";
import { language, t, toggleLanguage } from "../i18n.js";
import { keysAreOn, listenToKeys } from "../keys.js";
import { connection, overview } from "../live.js";
import { Audit } from "../pages/audit.js";
import { Doubt } from "../pages/doubt.js";
import { Notifications } from "../pages/notifications.js";
import { Overview } from "../pages/overview.js";
import { People } from "../pages/people.js";
import { Texts } from "../pages/texts.js";
import { go, href, route } from "../route.js";
import { level, session } from "../session.js";
import { useStore } from "../store.js";
import { theme, toggleTheme } from "../theme.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";
import { Icon, Mark } from "./icons.js";
import { Sandbox } from "./sandbox.js";
import { Says, say } from "./says.js";
import { Ago } from "./time.js";

/** @import { Me } from "../types.d.ts" */
/** @import { IconName } from "./icons.js" */
/** @import { Key } from "../i18n.js" */

/** In the order of the menu; the number keys follow it. */
const PAGES = /** @type {const} */ ({
  overview: Overview,
  people: People,
  doubt: Doubt,
  notifications: Notifications,
  texts: Texts,
  audit: Audit,
});
const NAMES = /** @type {(keyof typeof PAGES)[]} */ (Object.keys(PAGES));

/** @param {{ me: Me }} props */
export function Shell({ me }) {
  const { page, params } = useStore(route);
  const [isHelpOpen, setIsHelpOpen] = useState(false);
  const name = NAMES.find((it) => it === page) ?? "overview";
  const Page = PAGES[name];
  const title = t(`page.${name}`);
  const spot = `${name} ${params.get("lead") ?? ""}`;
  const isFirst = useRef(true);

  useEffect(() => {
    document.title = `${title} · oncebox`;
  }, [title]);
  useEffect(() => {
    // A page that was just opened is read from its start; the first one begins with the skip link.
    if (!isFirst.current) {
      scrollTo(0, 0);
      /** @type {HTMLElement | null} */ (document.querySelector("main h1"))?.focus({
        preventScroll: true,
      });
    }
    isFirst.current = false;
    showInMenu();
  }, [spot]);
  useEffect(
    () =>
      listenToKeys({
        ...Object.fromEntries(NAMES.map((it, index) => [String(index + 1), () => go(it)])),
        "/": () => focusSearch(),
        t: toggleTheme,
        l: toggleLanguage,
        "?": () => setIsHelpOpen(true),
      }),
    [],
  );

  return html`<div class=${`shell${me.is_dev ? " with-sandbox" : ""}`}>
    <a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
    <header class="top">
      <a class="brand" href=${href("overview")}><${Mark} /><span>oncebox</span></a>
      ${me.is_dev && html`<span class="pill busy" title=${t("dev.means")}>${t("dev")}</span>`}
      <span class="grow"></span>
      <${Heard} />
      <${Tools} me=${me} onHelp=${() => setIsHelpOpen(true)} />
    </header>
    <nav class="menu" aria-label=${t("menu")}>
      <ul>${NAMES.map((it) => html`<${MenuItem} name=${it} isHere=${it === name} />`)}</ul>
    </nav>
    <main id="main">
      <${LostBar} />
      <${Page} key=${name} params=${params} />
    </main>
    ${me.is_dev && html`<${Sandbox} />`}
    <${Says} />
    ${isHelpOpen && html`<${Keys} onClose=${() => setIsHelpOpen(false)} />`}
  </div>`;
}

/**
 * On a phone the menu is wider than the page. Not by scrollIntoView: the next Tab would begin there, and
 * pass over the skip link.
 */
function showInMenu() {
  const menu = document.querySelector(".menu");
  const here = menu?.querySelector("[aria-current]");
  if (!menu || !here) return;
  const [around, own] = [menu.getBoundingClientRect(), here.getBoundingClientRect()];
  menu.scrollLeft += own.left + own.width / 2 - (around.left + around.width / 2);
}

/** A hash is a route here, so the link cannot jump by itself. @param {Event} event */
function skip(event) {
  event.preventDefault();
  /** @type {HTMLElement | null} */ (document.querySelector("main h1"))?.focus();
}

function focusSearch() {
  const field = /** @type {HTMLElement | null} */ (
    document.querySelector("main input[type=search]")
  );
  if (field !== null) {
    field.focus();
    return;
  }
  go("people");
}

/** @param {{ name: keyof typeof PAGES, isHere: boolean }} props */
function MenuItem({ name, isHere }) {
  const told = useStore(overview);
  const count = name === "doubt" ? (told?.queue.unknown ?? 0) : 0;
  return html`<li>
    <a href=${href(name)} aria-current=${isHere ? "page" : undefined}>
      <${Icon} name=${/** @type {IconName} */ (name)} size=${20} /><span>${t(/** @type {Key} */ (`page.${name}`))}</span>
      ${count > 0 && html`<b class="count" aria-label=${t("menu.doubt", { count })}>${count > 99 ? "99+" : count}</b>`}
    </a>
  </li>`;
}

/** Whether the figures are of this moment. */
function Heard() {
  const state = useStore(connection);
  return html`<span class=${`heard ${state}`} role="status"><i></i><span>${t(`live.${state}`)}</span></span>`;
}

function LostBar() {
  const state = useStore(connection);
  const told = useStore(overview);
  if (state !== "lost" && state !== "trouble") return null;
  return html`<div class="notice warn lost" role="alert">
    <${Icon} name="alert" />
    <div><strong>${t(`${state}.title`)}</strong>
    <p>${t(`${state}.body`)} ${told && html`${t("lost.as_of")} <${Ago} at=${told.at} />.`}</p></div>
  </div>`;
}

/** @param {{ me: Me, onHelp: () => void }} props */
function Tools({ me, onHelp }) {
  const shownTheme = useStore(theme);
  const shownLanguage = useStore(language);
  async function signOut() {
    try {
      await post("/ui/sign-out");
      session.set(null);
    } catch (error) {
      say(error instanceof Error ? error.message : String(error), "bad");
    }
  }
  return html`<div class="tools">
    <span class="who" title=${t(`level.${level()}_means`)}><bdi class="clip">${me.is_open ? t("who.open") : me.name}</bdi><span class="pill quiet">${t(`level.${level()}`)}</span></span>
    <button type="button" class="button quiet" lang=${shownLanguage === "en" ? "ru" : "en"} onClick=${toggleLanguage}>${shownLanguage === "en" ? "Русский" : "English"}</button>
    <button type="button" class="button quiet square" onClick=${toggleTheme} aria-label=${t(`theme.to_${shownTheme === "dark" ? "light" : "dark"}`)}
      title=${t(`theme.to_${shownTheme === "dark" ? "light" : "dark"}`)}><${Icon} name=${shownTheme === "dark" ? "sun" : "moon"} /></button>
    <button type="button" class="button quiet square keys-button" onClick=${onHelp} aria-label=${t("keys.title")} title=${t("keys.title")}><${Icon} name="keyboard" /></button>
    ${
      !me.is_open &&
      html`<button type="button" class="button quiet square" onClick=${signOut} aria-label=${t("sign_out")} title=${t("sign_out")}><${Icon} name="out" /></button>`
    }
  </div>`;
}

/** @param {{ onClose: () => void }} props */
function Keys({ onClose }) {
  const isOn = useStore(keysAreOn);
  /** @type {[string, string][]} */
  const rows = [
    ...NAMES.map(
      (name, index) =>
        /** @type {[string, string]} */ ([
          String(index + 1),
          t(/** @type {Key} */ (`page.${name}`)),
        ]),
    ),
    ["/", t("keys.search")],
    ["t", t("keys.theme")],
    ["l", t("keys.language")],
    ["?", t("keys.help")],
    ["Esc", t("keys.close")],
  ];
  return html`<${Dialog} title=${t("keys.title")} onClose=${onClose}>
    <dl class="keys">${rows.map(([key, text]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${text}</dd></div>`)}</dl>
    <label class="check"><input type="checkbox" checked=${isOn} onChange=${() => keysAreOn.set(!isOn)} /> ${t("keys.on")}</label>
  </${Dialog}>`;
}
