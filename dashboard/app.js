import { render } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError, get } from "./api.js";
import { language, t } from "./i18n.js";
import { listen } from "./live.js";
import { SignIn } from "./pages/sign-in.js";
import { html } from "./parts/html.js";
import { Failure, Loading } from "./parts/notices.js";
import { Shell } from "./parts/shell.js";
import { session } from "./session.js";
import { createStore, useStore } from "./store.js";
import "./theme.js";

/** Why it is not known who is signed in. */
const trouble = createStore(/** @type {unknown} */ (null));
const ASK_AGAIN_MS = 2_000;

function App() {
  const me = useStore(session);
  const error = useStore(trouble);
  useStore(language);
  const isIn = Boolean(me);
  useEffect(() => (isIn ? listen() : undefined), [isIn]);
  if (me === undefined) {
    return html`<main class="alone">${error ? html`<h1>${t("lost.title")}</h1><${Failure} error=${error} />` : html`<${Loading} />`}</main>`;
  }
  return me === null ? html`<${SignIn} />` : html`<${Shell} me=${me} />`;
}

async function ask() {
  try {
    session.set(await get("/ui/me"));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      session.set(null);
      return;
    }
    trouble.set(error);
    setTimeout(ask, ASK_AGAIN_MS);
  }
}

render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
void ask();
