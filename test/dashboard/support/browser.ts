import { existsSync } from "node:fs";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

const ASKED_FOR = process.env.CHROMIUM_PATH || null;
const CHROMIUM = ASKED_FOR ?? "/usr/bin/chromium";

/** Why these tests cannot run here, for their title; null = they can. One that was asked for must be there. */
export const noBrowser: string | null =
  ASKED_FOR !== null || existsSync(CHROMIUM)
    ? null
    : `no Chromium at ${CHROMIUM}: apt-get install chromium, or set CHROMIUM_PATH`;

export async function launch(): Promise<Browser> {
  // Chromium refuses its sandbox to root.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return await chromium.launch({ executablePath: CHROMIUM, args });
}

/** A page of its own reader, and everything that went wrong in it. */
export interface Tab extends AsyncDisposable {
  readonly page: Page;
  /** What the browser's console says of errors: refused by the content policy, thrown, not found. */
  readonly complaints: readonly string[];
}

const OPTIONS: BrowserContextOptions = {
  viewport: { width: 1280, height: 900 },
  locale: "en-GB",
  timezoneId: "Asia/Almaty",
  colorScheme: "light",
};

export async function openTab(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Tab> {
  const context = await browser.newContext({ ...OPTIONS, baseURL: url, ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error.stack)));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

export const PAGES = ["overview", "people", "doubt", "notifications", "texts", "audit"] as const;

/** Opens one of the pages, and waits until it shows what it has. */
export async function visit(page: Page, name: string): Promise<void> {
  await page.goto(`/#/${name}`);
  await page.waitForSelector("main h1");
  await page.waitForSelector(".loading", { state: "detached" });
}

interface Finding {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Holds the page to what axe knows of accessibility; `rules`: to these alone. */
export async function expectAccessible(page: Page, rules?: readonly string[]): Promise<void> {
  // As the debugger, past the page's own content policy, which stays as it is.
  await page.evaluate(axe.source);
  // What fades in has not its own colour yet.
  await page.evaluate(
    "Promise.all(document.getAnimations().filter((it) => it.effect.getComputedTiming().iterations === 1).map((it) => it.finished))",
  );
  const options = rules === undefined ? {} : { runOnly: { type: "rule", values: rules } };
  const findings = await page.evaluate<Finding[]>(
    `axe.run(${JSON.stringify(options)}).then(({ violations }) =>
      violations.map(({ id, impact, nodes }) => ({ id, impact, nodes })))`,
  );
  const serious = findings
    .filter((it) => it.impact === "serious" || it.impact === "critical")
    .map(
      (it) =>
        `${it.id}: ${it.nodes.map((node) => `${node.html}\n${node.failureSummary}`).join("\n")}`,
    );
  expect(serious).toEqual([]);
}

/** Nothing is wider than the window. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const [wanted, given] = await page.evaluate<[number, number]>(
    "[document.documentElement.scrollWidth, window.innerWidth]",
  );
  expect(wanted).toBeLessThanOrEqual(given);
}
