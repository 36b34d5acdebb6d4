/**
 * Draws the dashboard's pictures for the README again: docs/images/dashboard-light.png and -dark.png.
 * Needs Chromium, at /usr/bin/chromium or where CHROMIUM_PATH says.
 */
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { startServer } from "../src/http/server.ts";
import { createLogger } from "../src/log.ts";
import { launch, noBrowser, openTab, visit } from "../test/dashboard/support/browser.ts";
import { seedActs, seedBusyHour, seedDoubts } from "../test/dashboard/support/busy-hour.ts";
import { openStage } from "../test/support/stage.ts";

const FOLDER = "docs/images";
const MOST_BYTES = 200_000;
const HTTP = {
  host: "127.0.0.1",
  port: 0,
  token: null,
  requestsPerSecond: 1_000,
  leadsPerPhone: null,
};

if (noBrowser !== null) throw new Error(noBrowser);
await mkdir(FOLDER, { recursive: true });
await using stage = await openStage();
await stage.db.transaction().execute(seedBusyHour);
await seedDoubts(stage.db);
await seedActs(stage.db);
await Promise.all([stage.startWorker(), stage.startWorker()]);
const server = await startServer(
  { databaseUrl: stage.databaseUrl, http: HTTP },
  createLogger("warn"),
);
const browser = await launch();
try {
  for (const colorScheme of ["light", "dark"] as const) {
    const viewport = { width: 1240, height: 930 };
    await using tab = await openTab(browser, server.url, { colorScheme, viewport });
    await visit(tab.page, "overview");
    await tab.page.getByText("live", { exact: true }).waitFor();
    await tab.page.locator(".u-wrap").nth(3).waitFor();
    const path = join(FOLDER, `dashboard-${colorScheme}.png`);
    await tab.page.screenshot({ path });
    const { size } = await stat(path);
    console.log(`${path}: ${Math.round(size / 1_000)} kB`);
    if (size > MOST_BYTES) process.exitCode = 1;
  }
} finally {
  await browser.close();
  await server.close();
}
