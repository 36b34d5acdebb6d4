/**
 * Draws what `npm run bench` found as SVG.
 *
 *   npm run bench:plots                                    bench/results/latest.json to docs/images/
 *   npm run bench:plots -- --json FILE --to FOLDER
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type EChartsCoreOption, init } from "echarts";
import { PERCENTILES } from "./compare/due.ts";
import type { Results } from "./compare/results.ts";
import type { Spread } from "./compare/samples.ts";

const OURS = "#0f766e";
const THEIRS = "#94a3b8";
const BARE = "#475569";
/** Told apart by people who see colours differently, too (Okabe and Ito). */
const LINES = ["#0f766e", "#e69f00", "#d55e00", "#56b4e9", "#0072b2", "#cc79a7", "#475569"];
const INK = "#1e293b";
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

const { values } = parseArgs({
  options: {
    json: { type: "string", default: "bench/results/latest.json" },
    to: { type: "string", default: "docs/images" },
  },
});
const results = JSON.parse(await readFile(values.json, "utf8")) as Results;
await mkdir(values.to, { recursive: true });
for (const [name, option, height] of [
  ["bench-drain", drainPlot("drain", "Messages a second, gateway answers at once"), 380],
  ["bench-drain-50ms", drainPlot("drain-50ms", "Messages a second, gateway takes 50 ms"), 380],
  ["bench-due", duePlot(), 440],
  ["bench-backlog", backlogPlot(), 440],
] as const) {
  if (option === null) {
    console.error(`${name}: nothing was measured`);
    continue;
  }
  await writeFile(join(values.to, `${name}.svg`), draw(option, height));
  console.error(`${name}.svg`);
}

function draw(option: Plot, height: number): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: 860, height });
  chart.setOption({
    // Solid, so that it can be read on a dark page, too.
    backgroundColor: "#ffffff",
    animation: false,
    textStyle: { fontFamily: FONT, color: INK },
    ...option,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  // For whoever has it read out.
  return `${svg.replace(">", `><title>${option.title.text}</title>`)}\n`;
}

type Plot = EChartsCoreOption & { readonly title: { readonly text: string } };

function titled(text: string) {
  return { text, left: 16, top: 12, textStyle: { fontSize: 16, fontWeight: 600, color: INK } };
}

/** One bar a contestant, the fastest on top; a thin line from the least to the most of all rounds. */
function drainPlot(scenario: string, title: string): Plot | null {
  const bars = results.contestants
    .flatMap(({ name, title: label }) => {
      const spread = find(scenario, name, "per second");
      return spread === null ? [] : [{ name, label, ...spread }];
    })
    .sort((a, b) => a.median - b.median);
  if (bars.length === 0) return null;
  return {
    title: titled(title),
    grid: { left: 28, right: 88, top: 52, bottom: 16, containLabel: true },
    xAxis: { type: "value", splitLine: { lineStyle: { color: "#e2e8f0" } } },
    yAxis: {
      type: "category",
      data: bars.map((it) => it.label),
      axisTick: { show: false },
      axisLabel: { color: INK, fontSize: 13 },
    },
    series: [
      {
        type: "bar",
        barWidth: "60%",
        data: bars.map(({ name, median }) => ({
          value: Math.round(median),
          itemStyle: { color: colourOf(name) },
        })),
      },
      ...spreadLines(bars),
      {
        // After the longer of both, so that the number is on neither.
        type: "scatter",
        symbolSize: 0,
        data: bars.map(({ label, maximum, median }) => ({
          value: [maximum, label],
          label: {
            show: true,
            position: "right",
            formatter: Math.round(median).toLocaleString("en-US"),
            color: INK,
            fontSize: 13,
          },
        })),
      },
    ],
  };
}

function spreadLines(bars: readonly (Spread & { readonly label: string })[]) {
  return bars.map(({ label, minimum, maximum }) => ({
    type: "line",
    data: [
      [minimum, label],
      [maximum, label],
    ],
    symbol: "rect",
    symbolSize: [2, 10],
    lineStyle: { color: INK, width: 2 },
    itemStyle: { color: INK },
  }));
}

/** How late after its due time, by how many of a hundred were no later. */
function duePlot(): Plot | null {
  const series = results.contestants.flatMap(({ name, title }) => {
    const points = PERCENTILES.flatMap((percent, index) => {
      const found = find("due-idle", name, `p${percent} ms`);
      // A logarithm has no zero.
      return found === null ? [] : [[index, Math.max(1, found.median)]];
    });
    return points.length === 0 ? [] : [{ name, title, points }];
  });
  if (series.length === 0) return null;
  return linesPlot("From due to the gateway, one by one, milliseconds", series, {
    xAxis: {
      type: "category",
      boundaryGap: false,
      data: PERCENTILES.map((it) => (it === 100 ? "slowest" : `p${it}`)),
    },
    yAxis: { type: "log", min: 1, splitLine: { lineStyle: { color: "#e2e8f0" } } },
  });
}

/** How the drain slows down with rows that are not due. */
function backlogPlot(): Plot | null {
  const scenarios = ["drain", "future-1m", "future-10m"];
  const series = results.contestants.flatMap(({ name, title }) => {
    const points = scenarios.flatMap((scenario, index) => {
      const found = find(scenario, name, "per second");
      return found === null ? [] : [[index, Math.round(found.median)]];
    });
    return points.length < 2 ? [] : [{ name, title, points }];
  });
  if (series.length === 0) return null;
  return linesPlot("Messages a second, by rows that are not due yet", series, {
    xAxis: { type: "category", data: ["none", "1,000,000", "10,000,000"] },
    yAxis: { type: "value", splitLine: { lineStyle: { color: "#e2e8f0" } } },
  });
}

interface Line {
  readonly name: string;
  readonly title: string;
  readonly points: readonly (readonly number[])[];
}

function linesPlot(
  title: string,
  lines: readonly Line[],
  axes: { readonly xAxis: object; readonly yAxis: object },
): Plot {
  return {
    title: titled(title),
    color: LINES,
    legend: { bottom: 12, textStyle: { color: INK }, itemWidth: 18, itemGap: 24 },
    grid: { left: 16, right: 40, top: 56, bottom: 96, containLabel: true },
    ...axes,
    series: lines.map(({ name, title: label, points }) => ({
      type: "line",
      name: label,
      data: points,
      symbolSize: 7,
      lineStyle: { width: name.startsWith("oncebox") ? 4 : 2 },
    })),
  };
}

function colourOf(name: string): string {
  if (name.startsWith("oncebox")) return OURS;
  return name === "batching-loop" ? BARE : THEIRS;
}

function find(scenario: string, contestant: string, measure: string): Spread | null {
  return (
    results.summary.find(
      (it) => it.scenario === scenario && it.contestant === contestant && it.measure === measure,
    ) ?? null
  );
}
