import { en } from "./en.js";
import { recall, remember } from "./remembered.js";
import { ru } from "./ru.js";
import { createStore } from "./store.js";

/** @typedef {keyof typeof en} Key */
/** @typedef {"en" | "ru"} Language */
/** @typedef {Readonly<Record<string, string | number | null | undefined>>} Values */

/** @type {Readonly<Record<Language, Readonly<Record<string, string | Readonly<Record<string, string>>>>>>} */
const DICTIONARIES = { en, ru };

/** @returns {Language} */
function wanted() {
  const chosen = recall("language");
  if (chosen === "en" || chosen === "ru") return chosen;
  return navigator.languages.find((it) => /^(?:en|ru)\b/i.test(it))?.slice(0, 2) === "ru"
    ? "ru"
    : "en";
}

/** The language that is shown. */
export const language = createStore(wanted());

function show() {
  document.documentElement.lang = language.get();
}
language.subscribe(show);
show();

/** Chooses the other one, and remembers it. */
export function toggleLanguage() {
  const next = language.get() === "en" ? "ru" : "en";
  remember("language", next);
  language.set(next);
}

/** As the browser writes numbers and dates, if it is set to the language that is shown. */
function locale() {
  const shown = language.get();
  return (
    navigator.languages.find((it) => it.startsWith(shown)) ?? (shown === "en" ? "en-GB" : shown)
  );
}

/**
 * The text of this key. `{name}` is replaced by that value; where there are several forms, `count` chooses.
 *
 * @param {Key} key
 * @param {Values} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const entry = DICTIONARIES[language.get()][key] ?? key;
  const text =
    typeof entry === "string" ? entry : (entry[formOf(values.count)] ?? entry.other ?? key);
  return text.replaceAll(/\{(\w+)\}/g, (_whole, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : String(value ?? "");
  });
}

/**
 * The text for a word of the server's, or the word itself where none is known: a newer server must be readable.
 *
 * @param {string} prefix
 * @param {string | null | undefined} word
 * @param {Values} [values]
 */
export function tWord(prefix, word, values = {}) {
  if (word === null || word === undefined || word === "") return "";
  const key = /** @type {Key} */ (`${prefix}.${word}`);
  return Object.hasOwn(en, key)
    ? t(key, values)
    : /^[a-z_]+$/.test(word)
      ? word.replaceAll("_", " ")
      : word;
}

/** @param {string | number | null | undefined} count */
function formOf(count) {
  return new Intl.PluralRules(language.get()).select(Number(count ?? 0));
}

/**
 * @param {number} value
 * @param {Intl.NumberFormatOptions} [options]
 */
export function number(value, options = {}) {
  return new Intl.NumberFormat(locale(), options).format(value);
}

/**
 * @param {number | string} amount
 * @param {string | null} currency
 */
export function money(amount, currency) {
  const value = Number(amount);
  if (currency !== null && /^[A-Z]{3}$/.test(currency)) {
    return number(value, { style: "currency", currency, currencyDisplay: "narrowSymbol" });
  }
  return number(value, { maximumFractionDigits: 2 });
}

/**
 * 320 ms, 4.2 s: where there is little room.
 *
 * @param {number} ms
 */
export function shortDuration(ms) {
  return ms < 1_000
    ? unit(Math.round(ms), "millisecond", "narrow")
    : unit(Math.round(ms / 100) / 10, "second", "narrow");
}

/**
 * 320 ms, 4.2 secs, 3 mins 5 secs, 2 hrs 4 mins.
 *
 * @param {number} ms
 */
export function duration(ms) {
  const seconds = Math.abs(ms) / 1000;
  if (seconds < 1) return unit(Math.round(seconds * 1000), "millisecond");
  if (seconds < 10) return unit(Math.round(seconds * 10) / 10, "second");
  if (seconds < 60) return unit(Math.round(seconds), "second");
  const minutes = Math.round(seconds / 60);
  if (minutes < 10) {
    const rest = Math.round(seconds % 60);
    return join(unit(Math.floor(seconds / 60), "minute"), rest, "second");
  }
  if (minutes < 60) return unit(minutes, "minute");
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return join(unit(hours, "hour"), minutes % 60, "minute");
  return unit(Math.round(hours / 24), "day");
}

/**
 * @param {string} first
 * @param {number} rest
 * @param {string} name
 */
function join(first, rest, name) {
  return rest === 0 ? first : `${first} ${unit(rest, name)}`;
}

/**
 * @param {number} value
 * @param {string} name
 * @param {"short" | "narrow"} [unitDisplay]
 */
function unit(value, name, unitDisplay = "short") {
  return number(value, { style: "unit", unit: name, unitDisplay });
}

/** @type {Intl.DateTimeFormatOptions} */
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/**
 * The time of today, with its date if it is another day, in the reader's zone.
 *
 * @param {Date} at
 */
export function moment(at) {
  /** @type {Intl.DateTimeFormatOptions} */
  const time = { ...CLOCK, second: "2-digit" };
  const now = new Date();
  if (at.toDateString() === now.toDateString()) return format(at, time);
  const year =
    at.getFullYear() === now.getFullYear() ? {} : { year: /** @type {const} */ ("numeric") };
  return format(at, { day: "numeric", month: "short", ...year, ...time });
}

/** @param {Date} at */
export function clock(at) {
  return format(at, CLOCK);
}

/**
 * @param {Date} at
 * @param {Intl.DateTimeFormatOptions} options
 */
function format(at, options) {
  return new Intl.DateTimeFormat(locale(), options).format(at);
}

/**
 * "3 minutes ago", "in 8 seconds".
 *
 * @param {number} ms - From now on; negative = before.
 */
export function relative(ms) {
  const formatter = new Intl.RelativeTimeFormat(locale(), { numeric: "always", style: "short" });
  const seconds = ms / 1000;
  const size = Math.abs(seconds);
  if (size < 60) return formatter.format(Math.round(seconds), "second");
  if (size < 3_600) return formatter.format(Math.round(seconds / 60), "minute");
  if (size < 172_800) return formatter.format(Math.round(seconds / 3_600), "hour");
  return formatter.format(Math.round(seconds / 86_400), "day");
}
