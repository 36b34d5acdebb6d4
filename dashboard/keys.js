import { recall, remember } from "./remembered.js";
import { createStore } from "./store.js";

/** Whether single keys do something: whoever dictates or mistypes can switch them off. */
export const keysAreOn = createStore(recall("keys") !== "off");
keysAreOn.subscribe((isOn) => remember("keys", isOn ? "on" : "off"));

/**
 * Does `actions[key]` when that key is pressed outside of a field and of a dialog, until it is ended.
 *
 * @param {Readonly<Record<string, () => void>>} actions
 */
export function listenToKeys(actions) {
  /** @param {KeyboardEvent} event */
  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const action = actions[event.key];
    if (action === undefined || isWriting(event.target)) return;
    if (document.querySelector("dialog[open]") !== null) return;
    // The way to switch them on again stays.
    if (!keysAreOn.get() && event.key !== "?") return;
    event.preventDefault();
    action();
  }
  addEventListener("keydown", press);
  return () => removeEventListener("keydown", press);
}

/** @param {EventTarget | null} target */
function isWriting(target) {
  return (
    target instanceof HTMLElement && target.matches("input:not([type=checkbox]), textarea, select")
  );
}
