/** The value of one series, as `oncebox_queue{channel="sms",state="due"}`; null = there is none. */
export function sampleOf(scraped: string, series: string): number | null {
  const line = scraped.split("\n").find((it) => it.startsWith(`${series} `));
  return line === undefined ? null : Number(line.slice(series.length + 1));
}

/** All series of a metric that are not 0, by their labels as they are written. */
export function seriesOf(scraped: string, metric: string): Record<string, number> {
  const lines = [...scraped.matchAll(new RegExp(`^${metric}\\{(.*)\\} (\\S+)$`, "gm"))];
  return Object.fromEntries(
    lines.map(([, labels, value]) => [labels, Number(value)]).filter(([, value]) => value !== 0),
  );
}
