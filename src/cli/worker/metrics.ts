import { type Config, requireDatabaseUrl } from "../../config.ts";
import { listenForScrapes } from "../../http/metrics-listener.ts";
import { openScrape } from "../../http/scrape.ts";
import type { Logger } from "../../log.ts";
import { createMetrics } from "../../metrics.ts";
import type { Seams } from "../../shift.ts";
import { readVersion } from "../../version.ts";

/** Serves what a worker counts at an address, until `opened` is closed. */
export async function serveMetrics(
  address: NonNullable<Config["metrics"]>,
  config: Config,
  log: Logger,
  opened: AsyncDisposableStack,
): Promise<Pick<Seams, "observer">> {
  const metrics = createMetrics({ version: readVersion() });
  const scrape = openScrape({ metrics, databaseUrl: requireDatabaseUrl(config), log });
  opened.defer(() => scrape.close());
  const listener = await listenForScrapes(address, scrape);
  opened.defer(() => listener.close());
  log.info({ url: listener.url }, "metrics:served");
  return { observer: metrics.observer };
}
