import { html } from "./html.js";

/** Drawn on a grid of 24, in the colour of the text beside them. */
const PATHS = {
  overview: "M4 13a8 8 0 0 1 16 0M12 13l3.5-4M4 17h16",
  people:
    "M12 11.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM5 20c.6-3.6 3.5-5.5 7-5.500s6.4 1.9 7 5.5",
  doubt:
    "M9 9.200a3.1 3.1 0 1 1 4.6 2.700c-1 .6-1.6 1.2-1.6 2.400M12 17.600v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
  notifications: "M4 6.500h16M4 12h16M4 17.500h10",
  texts: "M5 4h14v16H5zM8.5 8.500h7M8.5 12h7M8.5 15.500h4",
  audit: "M12 3l7.5 3v5.500c0 4.5-3 8-7.5 9.5-4.5-1.5-7.5-5-7.5-9.500V6zM9 12l2.2 2.200L15.2 10",
  sms: "M8 3h8a1.5 1.5 0 0 1 1.5 1.500v15A1.5 1.5 0 0 1 16 21H8a1.5 1.5 0 0 1-1.5-1.500v-15A1.5 1.5 0 0 1 8 3zM11 18h2",
  email: "M4 6h16v12H4zM4 7l8 6 8-6",
  check: "M5 12.500l4.5 4.500L19 7.5",
  alert: "M12 4l9 16H3zM12 10v4.500M12 17.300v.1",
  cross: "M6 6l12 12M18 6L6 18",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4",
  moon: "M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10z",
  keyboard: "M3 6.500h18v11H3zM6.5 10h.1M10 10h.1M13.5 10h.1M17 10h.1M8 14h8",
  out: "M14 4.500h5v15h-5M4 12h10M10.5 8.500L14 12l-3.5 3.5",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.500L20.5 20.5",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2",
  send: "M4 12L20 4.5 15.5 20l-3.5-6.500zM12 13.500L20 4.5",
  pause: "M9 5v14M15 5v14",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  down: "M12 4v11M7.5 11L12 15.5 16.5 11M5 20h14",
  worker: "M4 5h16v6H4zM4 13h16v6H4zM7.5 8h.1M7.5 16h.1",
  shield: "M12 3l7.5 3v5.500c0 4.5-3 8-7.5 9.5-4.5-1.5-7.5-5-7.5-9.500V6z",
  person:
    "M12 11.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM5 20c.6-3.6 3.5-5.5 7-5.500s6.4 1.9 7 5.5",
  plus: "M12 5v14M5 12h14",
  back: "M19 12H5M11 6l-6 6 6 6",
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * Says nothing of its own: the words are beside it.
 *
 * @param {{ name: IconName, size?: number }} props
 */
export function Icon({ name, size = 18 }) {
  return html`<svg class="icon" viewBox="0 0 24 24" width=${size} height=${size} aria-hidden="true" focusable="false"
    fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"><path d=${PATHS[name]} /></svg>`;
}

/** The mark beside the name. */
export function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" fill="var(--accent-fill)" />
    <path d="M6.5 13.5 16 8l9.5 5.500v9a2 2 0 0 1-2 2h-15a2 2 0 0 1-2-2z" fill="#fff" />
    <path d="m11 17.5 3.6 3.600L21.5 14" fill="none" stroke="var(--accent-fill)" stroke-width="2.8" stroke-linecap="round" stroke-linejoin="round" />
  </svg>`;
}
