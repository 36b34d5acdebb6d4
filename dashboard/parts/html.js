import htm from "htm";
import { h } from "preact";

/**
 * Markup as a template. Values become text nodes and properties, never markup: whatever a name
 * holds, it is shown and does nothing.
 *
 * @type {(strings: TemplateStringsArray, ...values: any[]) => any}
 */
export const html = htm.bind(h);
