import { recall, remember } from "./remembered.js";
import { createStore } from "./store.js";

/** @typedef {"light" | "dark"} Theme */

const prefersDark = matchMedia("(prefers-color-scheme: dark)");

/** @returns {Theme} */
function wanted() {
  const chosen = recall("theme");
  if (chosen === "light" || chosen === "dark") return chosen;
  return prefersDark.matches ? "dark" : "light";
}

/** The theme that is shown. */
export const theme = createStore(wanted());

function show() {
  document.documentElement.dataset.theme = theme.get();
}
theme.subscribe(show);
show();
prefersDark.addEventListener("change", () => theme.set(wanted()));

/** Chooses the other one, and remembers it. */
export function toggleTheme() {
  const next = theme.get() === "dark" ? "light" : "dark";
  remember("theme", next);
  theme.set(next);
}
