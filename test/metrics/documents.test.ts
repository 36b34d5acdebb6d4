import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createMetrics } from "../../src/metrics.ts";

const HAS_PROMTOOL = spawnSync("promtool", ["--version"]).status === 0;

const page = readFileSync("docs/metrics.md", "utf8");
const alerts = readFileSync("docs/metrics/alerts.yml", "utf8");
const dashboard = JSON.parse(readFileSync("docs/metrics/grafana.json", "utf8")) as Dashboard;

interface Dashboard {
  readonly templating: { readonly list: readonly { name: string; type: string }[] };
  readonly panels: readonly Panel[];
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
}

/** Every metric there is, with its labels. */
const REGISTERED = new Map(
  createMetrics({ version: "0" })
    .registry.getMetricsAsArray()
    .map((it) => {
      const { name, labelNames } = it as unknown as { name: string; labelNames: string[] };
      return [name, labelNames] as const;
    }),
);

/** What Prometheus itself adds to every series, and to those of a histogram. */
const ADDED = ["job", "instance", "le"];

/** The variable, as Grafana writes it. */
const CHOSEN = ["$", "{datasource}"].join("");

const panels = dashboard.panels.filter((it) => it.type !== "row");
const shown = panels.flatMap((it) => (it.targets ?? []).map((target) => target.expr));
const rules = [...alerts.matchAll(/^ {6}- alert: (\w+)$(?:\n(?! {6}- ).*)*/gm)].map(
  ([text, name]) => ({ name, text, expr: /^ {8}expr: (.+)$/m.exec(text)?.[1] ?? "" }),
);

function metricsIn(text: string): string[] {
  return [...text.matchAll(/\boncebox_[a-z_]+\b/g)].map(([name]) =>
    REGISTERED.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, ""),
  );
}

/** Labels that are selected by, or grouped by. */
function labelsIn(expression: string): string[] {
  const groups = [...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, it = ""]) =>
    it.split(/,\s*/),
  );
  const selected = [...expression.matchAll(/[{,]\s*(\w+)(?:=~|!~|!=|=)"/g)].map(
    ([, it = ""]) => it,
  );
  return [...groups, ...selected];
}

describe("docs/metrics.md", () => {
  test("explains every metric in a row with its labels, and none that is not there", () => {
    const rows = [...page.matchAll(/^\| `(oncebox_\w+)` \| (.*?) \|/gm)].map(
      ([, name = "", labels = ""]) =>
        [name, [...labels.matchAll(/`(\w+)`/g)].map(([, it]) => it)] as const,
    );

    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(REGISTERED));
    expect(metricsIn(page).filter((it) => !REGISTERED.has(it))).toEqual([]);
  });
});

describe.each([
  ["the dashboard", shown],
  ["the alert rules", rules.map((it) => it.expr)],
])("%s", (_, expressions) => {
  test("ask only for metrics that there are, by labels that these have", () => {
    for (const expression of expressions) {
      const metrics = metricsIn(expression);
      const known = new Set([...ADDED, ...metrics.flatMap((it) => REGISTERED.get(it) ?? [])]);

      expect(metrics, expression).not.toEqual([]);
      expect(
        metrics.filter((it) => !REGISTERED.has(it)),
        expression,
      ).toEqual([]);
      expect(
        labelsIn(expression).filter((it) => !known.has(it)),
        expression,
      ).toEqual([]);
    }
  });

  test("have every bracket and quote closed", () => {
    for (const expression of expressions) {
      let bare = expression.replaceAll(/"[^"]*"/g, "");
      for (let before = ""; before !== bare; ) {
        before = bare;
        bare = bare.replaceAll(/\([^(){}[\]]*\)|\{[^(){}[\]]*\}|\[[^(){}[\]]*\]/g, "");
      }

      expect(bare, expression).not.toMatch(/[(){}[\]"]/);
    }
  });

  test("never add up what every process says alike", () => {
    const added =
      /\bsum (?:by \([^)]*\) )?\((?:\w+\()?oncebox_(?:queue|oldest_|sweep_age|workers|channel_paused|balance|notifications_made)/;

    expect(expressions.filter((it) => added.test(it))).toEqual([]);
  });
});

describe("the dashboard", () => {
  test("shows every metric", () => {
    const names = new Set(shown.flatMap(metricsIn));

    expect([...REGISTERED.keys()].filter((it) => !names.has(it))).toEqual([]);
  });

  test("asks the data source that is chosen, and says of every panel what it is", () => {
    expect(dashboard.templating.list.map((it) => [it.name, it.type])).toEqual([
      ["datasource", "datasource"],
      ["job", "query"],
    ]);
    for (const panel of panels) {
      expect(panel.datasource, panel.title).toEqual({ type: "prometheus", uid: CHOSEN });
      expect(panel.description, panel.title).toMatch(/\.$/);
      expect(new Set(panel.targets?.map((it) => it.refId)).size).toBe(panel.targets?.length);
    }
    expect(new Set(dashboard.panels.map((it) => it.id)).size).toBe(dashboard.panels.length);
  });

  test("has its panels beside each other, none over another", () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from(
        { length: w * h },
        (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`,
      ),
    );

    expect(new Set(cells).size).toBe(cells.length);
    expect(dashboard.panels.filter((it) => it.gridPos.x + it.gridPos.w > 24)).toEqual([]);
  });
});

describe("the alert rules", () => {
  test("say how bad it is, what it is and what to do", () => {
    expect(rules).toHaveLength(alerts.match(/- alert:/g)?.length ?? 0);
    expect(new Set(rules.map((it) => it.name)).size).toBe(rules.length);
    for (const { name, text } of rules) {
      expect(name).toMatch(/^Oncebox[A-Z]/);
      expect(text, name).toMatch(/^ {10}severity: (?:critical|warning)$/m);
      expect(text, name).toMatch(/^ {10}summary: ./m);
      expect(text, name).toMatch(/^ {10}description: ./m);
    }
  });

  test.skipIf(!HAS_PROMTOOL)(
    `are taken by Prometheus, and fire when they should${HAS_PROMTOOL ? "" : " (no promtool here)"}`,
    () => {
      const checked = spawnSync("promtool", ["check", "rules", "docs/metrics/alerts.yml"]);
      const tested = spawnSync("promtool", [
        ...["test", "rules", "test/metrics/support/alerts.test.yml"],
      ]);

      expect([checked.status, String(checked.stderr)]).toEqual([0, ""]);
      expect([tested.status, String(tested.stderr)]).toEqual([0, ""]);
    },
  );
});
