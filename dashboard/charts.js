import { useEffect, useId, useRef } from "preact/hooks";
import uPlot from "uplot";
import { clock, language, number, t } from "./i18n.js";
import { html } from "./parts/html.js";
import { useStore } from "./store.js";
import { theme } from "./theme.js";

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {string} colour - Its name in tokens.css.
 * @property {"bar" | "line" | "dashes"} shape - So that it is told apart without its colour, too.
 * @property {(number | null)[]} values
 */

/**
 * @typedef {object} ChartProps
 * @property {string} title
 * @property {string} headline - The one figure to look at.
 * @property {string} note - What is shown, in words.
 * @property {number[]} times - Seconds since 1970.
 * @property {Series[]} series - Bars are stacked in this order, from the bottom.
 * @property {(value: number) => string} [write]
 * @property {string} empty - What it means that there is nothing.
 */

const HEIGHT = 132;
const HALF_MINUTE_S = 30;

/**
 * A chart with its words: a headline, a legend, what is under the pointer, and the same as a table.
 *
 * @param {ChartProps} props
 */
export function Chart({ title, headline, note, times, series, write = (it) => number(it), empty }) {
  const id = useId();
  const isEmpty = series.every(({ values }) => values.every((it) => !it));
  return html`<figure class="chart card" aria-labelledby=${id}>
    <figcaption class="chart-head">
      <div><h3 id=${id}>${title}</h3><p class="muted small">${note}</p></div>
      <p class="figure">${headline}</p>
    </figcaption>
    ${
      isEmpty
        ? html`<p class="chart-empty">${empty}</p>`
        : html`<${Canvas} times=${times} series=${series} write=${write} label=${`${title}: ${headline}. ${note}`} />`
    }
    ${
      !isEmpty &&
      html`<div class="chart-foot">
      <ul class="legend">${series.map((it) => html`<li><i class=${`swatch as-${it.shape} of-${it.colour}`}></i>${it.label}</li>`)}</ul>
      <details class="chart-table">
        <summary>${t("chart.table")}</summary>
        <${Rows} times=${times} series=${series} write=${write} title=${title} />
      </details>
    </div>`
    }
  </figure>`;
}

/** @param {{ title: string, times: number[], series: Series[], write: (value: number) => string }} props */
function Rows({ title, times, series, write }) {
  const rows = times
    .map((time, index) => ({ time, values: series.map((it) => it.values[index] ?? null) }))
    .filter(({ values }) => values.some((it) => it));
  return html`<table class="plain">
    <caption class="visually-hidden">${title}</caption>
    <thead><tr><th scope="col">${t("chart.minute")}</th>${series.map((it) => html`<th scope="col">${it.label}</th>`)}</tr></thead>
    <tbody>${rows.map(
      ({ time, values }) => html`<tr>
        <th scope="row">${clock(new Date(time * 1000))}</th>
        ${values.map((it) => html`<td>${it === null ? "–" : write(it)}</td>`)}
      </tr>`,
    )}</tbody>
  </table>`;
}

/** @param {{ times: number[], series: Series[], write: (value: number) => string, label: string }} props */
function Canvas({ times, series, write, label }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const tip = useRef(/** @type {HTMLParagraphElement | null} */ (null));
  const plot = useRef(/** @type {uPlot | null} */ (null));
  const shown = useRef({ times, series, write });
  shown.current = { times, series, write };
  const look = `${useStore(theme)} ${useStore(language)} ${series.map((it) => it.colour)}`;

  useEffect(() => {
    const element = /** @type {HTMLDivElement} */ (box.current);
    const made = new uPlot(
      optionsOf(element, shown, /** @type {HTMLElement} */ (tip.current)),
      dataOf(shown.current),
      element,
    );
    plot.current = made;
    const resizing = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    resizing.observe(element);
    return () => {
      resizing.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [look]);

  useEffect(() => {
    plot.current?.setData(dataOf(shown.current));
  }, [times, series]);

  return html`<div class="canvas" role="img" aria-label=${label}>
    <div ref=${box}></div>
    <p class="tip" ref=${tip} hidden></p>
  </div>`;
}

/**
 * Bars stand on each other: each is drawn as the sum of those below it, the tallest first.
 *
 * @param {{ times: number[], series: Series[] }} shown
 * @returns {uPlot.AlignedData}
 */
function dataOf({ times, series }) {
  const drawn = drawnOf(series).map(({ index }) => {
    const one = /** @type {Series} */ (series[index]);
    if (one.shape !== "bar") return one.values;
    const below = series.slice(0, index + 1).filter((it) => it.shape === "bar");
    return times.map(
      (_time, at) => below.reduce((sum, it) => sum + (it.values[at] ?? 0), 0) || null,
    );
  });
  return /** @type {uPlot.AlignedData} */ ([times, ...drawn]);
}

/** @param {Series[]} series */
function drawnOf(series) {
  return series.map((one, index) => ({ one, index })).reverse();
}

/**
 * @param {HTMLElement} element
 * @param {{ current: { times: number[], series: Series[], write: (value: number) => string } }} shown
 * @param {HTMLElement} tip
 * @returns {uPlot.Options}
 */
function optionsOf(element, shown, tip) {
  const { series } = shown.current;
  const ink = colourOf(element, "muted");
  const line = colourOf(element, "line");
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const bars = uPlot.paths.bars?.({ size: [0.72, 14], radius: 0.15, align: 0 });
  const axis = { stroke: ink, font, ticks: { show: false } };
  return {
    width: element.clientWidth || 300,
    height: HEIGHT,
    padding: [8, 6, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      // Room for half a bar on both sides.
      x: { range: (_plot, first, last) => [first - HALF_MINUTE_S, last + HALF_MINUTE_S] },
      y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.08)] },
    },
    axes: [
      {
        ...axis,
        size: 24,
        grid: { show: false },
        space: 56,
        values: (_plot, ticks) => ticks.map((it) => clock(new Date(it * 1000))),
      },
      {
        ...axis,
        size: 56,
        space: 30,
        grid: { stroke: line, width: 1 },
        incrs: [
          1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6,
        ],
        values: (_plot, ticks) => ticks.map((it) => shown.current.write(it)),
      },
    ],
    series: [
      {},
      ...drawnOf(series).map(({ one }) => {
        const colour = colourOf(element, one.colour);
        return one.shape === "bar"
          ? {
              fill: colour,
              stroke: colour,
              width: 0,
              points: { show: false },
              ...(bars && { paths: bars }),
            }
          : {
              stroke: colour,
              width: 2,
              points: { show: true, size: 6, fill: colour, filter: lonePoint },
              spanGaps: true,
              ...(one.shape === "dashes" && { dash: [5, 4] }),
            };
      }),
    ],
    hooks: { setCursor: [(plot) => showTip(plot, shown.current, tip)] },
  };
}

/**
 * A line needs two points; one alone is drawn as itself.
 *
 * @param {uPlot} plot
 * @param {number} index
 */
function lonePoint(plot, index) {
  const values = plot.data[index] ?? [];
  const known = Array.from(values, (value, at) => ({ value, at })).filter((it) => it.value != null);
  return known.length === 1 ? known.map((it) => it.at) : [];
}

/**
 * What is under the pointer, as it is and not as it is stacked.
 *
 * @param {uPlot} plot
 * @param {{ times: number[], series: Series[], write: (value: number) => string }} shown
 * @param {HTMLElement} tip
 */
function showTip(plot, { times, series, write }, tip) {
  const index = plot.cursor.idx;
  const time = index === null || index === undefined ? undefined : times[index];
  tip.hidden = time === undefined;
  if (time === undefined || index === null || index === undefined) return;
  const parts = series.map((it) => {
    const value = it.values[index];
    return `${it.label} ${value === null || value === undefined ? "–" : write(value)}`;
  });
  tip.textContent = [clock(new Date(time * 1000)), ...parts].join("  ·  ");
}

/**
 * A canvas knows no CSS variables.
 *
 * @param {HTMLElement} element
 * @param {string} name
 */
function colourOf(element, name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
