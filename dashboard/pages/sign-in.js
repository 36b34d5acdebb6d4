import { useState } from "preact/hooks";
import { ApiError, post } from "../api.js";
import { language, t, toggleLanguage } from "../i18n.js";
import { textOf } from "../parts/dialog.js";
import { html } from "../parts/html.js";
import { Icon, Mark } from "../parts/icons.js";
import { session } from "../session.js";
import { useStore } from "../store.js";
import { theme, toggleTheme } from "../theme.js";

export function SignIn() {
  const [token, setToken] = useState("");
  const [error, setError] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const shownTheme = useStore(theme);
  const shownLanguage = useStore(language);

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    setIsBusy(true);
    setError("");
    try {
      session.set(await post("/ui/sign-in", { token: token.trim() }));
    } catch (failure) {
      setError(explain(failure));
      setIsBusy(false);
      document.getElementById("token")?.focus();
    }
  }

  return html`<main class="alone">
    <form class="card sign-in stack" onSubmit=${submit}>
      <div class="brand"><${Mark} /><span>oncebox</span></div>
      <h1>${t("sign_in")}</h1>
      <p class="muted">${t("sign_in.about")}</p>
      <div class="field">
        <label for="token">${t("sign_in.token")}</label>
        <input id="token" name="token" type="password" autocomplete="current-password" spellcheck=${false} required autofocus
          value=${token} aria-invalid=${error !== ""} aria-describedby="token-error"
          onInput=${(/** @type {Event} */ event) => setToken(textOf(event))} />
        <p class="error" id="token-error" role="alert">${error}</p>
      </div>
      <button type="submit" class="button primary" disabled=${isBusy || token.trim() === ""}>${t("sign_in")}</button>
      <details><summary>${t("sign_in.none")}</summary>
        <p>${t("sign_in.none_help")}</p>
        <pre><code>oncebox tokens make ${t("sign_in.example_name")} --scope operate</code></pre>
      </details>
    </form>
    <div class="tools">
      <button type="button" class="button quiet" lang=${shownLanguage === "en" ? "ru" : "en"} onClick=${toggleLanguage}>${shownLanguage === "en" ? "Русский" : "English"}</button>
      <button type="button" class="button quiet square" onClick=${toggleTheme} aria-label=${t(`theme.to_${shownTheme === "dark" ? "light" : "dark"}`)}><${Icon} name=${shownTheme === "dark" ? "sun" : "moon"} /></button>
    </div>
  </main>`;
}

/** @param {unknown} failure */
function explain(failure) {
  if (!(failure instanceof ApiError)) return String(failure);
  if (failure.status === 401) return t("sign_in.wrong");
  if (failure.status === 429) return t("sign_in.slow", { count: failure.retryAfterS ?? 60 });
  return failure.message;
}
