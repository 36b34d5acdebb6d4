import { html } from "./html.js";

/**
 * What the page is for, in a line. It takes the focus when the page is opened.
 *
 * @param {{ title: string, about?: string, children?: unknown }} props
 */
export function Heading({ title, about, children }) {
  return html`<div class="heading">
    <div><h1 tabindex="-1">${title}</h1>${about && html`<p class="muted">${about}</p>`}</div>
    ${children && html`<div class="heading-side">${children}</div>`}
  </div>`;
}
