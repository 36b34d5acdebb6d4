import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { createDatabase, dropDatabase, openPool, urlOf } from "../support/database.ts";
import { stateOf } from "../support/make.ts";
import { until } from "../support/until.ts";
import {
  expectAccessible,
  expectNoSidewaysScroll,
  launch,
  noBrowser,
  openTab,
  PAGES,
  visit,
} from "./support/browser.ts";
import { seedActs, seedBusyHour, seedDoubts } from "./support/busy-hour.ts";
import { DevServer } from "./support/dev-server.ts";
import { seedHostileLead } from "./support/hostile.ts";

describe.skipIf(noBrowser !== null)(
  `the dashboard, in a browser${noBrowser === null ? "" : ` (${noBrowser})`}`,
  () => {
    let database: string;
    let pool: pg.Pool;
    let db: Kysely<unknown>;
    let server: DevServer;
    let browser: Browser;
    let hostileLead: string;

    beforeAll(async () => {
      database = await createDatabase(inject("serverUrl"), inject("template"));
      const url = urlOf(inject("serverUrl"), database);
      pool = openPool(url);
      db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
      await db.transaction().execute(seedBusyHour);
      await seedDoubts(db);
      await seedActs(db);
      hostileLead = await seedHostileLead(db);
      [server, browser] = await Promise.all([DevServer.start(url), launch()]);
    });

    afterAll(async () => {
      await browser.close();
      await server[Symbol.asyncDispose]();
      await pool.end();
      await dropDatabase(inject("serverUrl"), database);
    });

    /** The newest SMS in this state that are not the hostile lead's. */
    async function idsOf(state: string): Promise<string[]> {
      const { rows } = await pool.query<{ id: string }>(
        "select id::text from oncebox.notification where state = $1 and channel = 'sms' and lead_id <> $2 order by notification.id desc limit 2",
        [state, hostileLead],
      );
      return rows.map((it) => it.id);
    }

    async function giveReason(page: Page, reason: string, button: RegExp): Promise<void> {
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Why?").fill(reason);
      await dialog.getByRole("button", { name: button }).click();
    }

    test("shows a newcomer the whole way: registered, due, landed, told", async () => {
      await using tab = await openTab(browser, server.url);
      const { page } = tab;
      await page.goto("/");

      await page.getByRole("button", { name: "Register a lead" }).click();

      await page.locator(".phone .bubble", { hasText: "Aigerim" }).waitFor();
      await page
        .locator(".mailbox summary", { hasText: "Aigerim" })
        .or(page.locator(".mailbox summary"))
        .first()
        .waitFor();
      await page.getByText("SMS: sent").waitFor();
      await page.getByRole("link", { name: "Its timeline" }).click();
      await page
        .locator(".timeline")
        .getByText("Attempt 1: the provider took it")
        .first()
        .waitFor();
      expect(await page.locator("main h1").textContent()).not.toContain("Aigerim");
      expect(tab.complaints).toEqual([]);
    });

    test.each([...PAGES, "hostile lead"])("is in order for every reader: %s", async (name) => {
      await using tab = await openTab(browser, server.url);
      const { page } = tab;
      await visit(page, name === "hostile lead" ? `people?lead=${hostileLead}` : name);
      if (name === "people") {
        await page.getByRole("searchbox").fill("8 701 000 06 66");
        await page.keyboard.press("Enter");
        await page.locator(".list-link").first().waitFor();
        expect(page.url()).not.toContain("701");
      }

      await expectAccessible(page);
      await expectNoSidewaysScroll(page);
      await page.getByRole("button", { name: "Dark colours" }).click();
      await page.getByRole("button", { name: "Русский" }).click();
      await page.setViewportSize({ width: 360, height: 740 });
      await expectNoSidewaysScroll(page);
      await expectAccessible(page, ["color-contrast", "scrollable-region-focusable"]);

      expect(await page.evaluate('"hacked" in window')).toBe(false);
      expect(await page.locator("#app img, #app script").count()).toBe(0);
      expect(tab.complaints).toEqual([]);
    });

    test("shows on a phone, too, which page one is on", async () => {
      await using tab = await openTab(browser, server.url, {
        viewport: { width: 360, height: 740 },
      });
      await visit(tab.page, "audit");

      const here = await tab.page.locator(".menu [aria-current]").boundingBox();

      expect(here?.x).toBeGreaterThanOrEqual(0);
      expect((here?.x ?? 0) + (here?.width ?? 0)).toBeLessThanOrEqual(360);
    });

    test("shows a hostile text as it is, and lets it turn nothing around", async () => {
      await using tab = await openTab(browser, server.url);
      const { page } = tab;
      await visit(page, "texts?kind=hostile&channel=email");
      await page.locator(".mail").waitFor();
      await visit(page, `people?lead=${hostileLead}`);
      await page.getByRole("button", { name: "Reveal" }).click();

      await giveReason(page, "a test", /^Reveal$/);
      await page.locator("h1", { hasText: "<img src=x onerror" }).waitFor();
      await page.getByRole("button", { name: /^show all 10,\d+ characters$/ }).click();

      await expectNoSidewaysScroll(page);
      expect(await page.locator("h1 bdi").count()).toBe(1);
      expect(await page.evaluate('"hacked" in window')).toBe(false);
      expect(tab.complaints).toEqual([]);
    });

    test("is used with the keyboard alone, and the focus is never lost", async () => {
      await using tab = await openTab(browser, server.url);
      const { page } = tab;
      const focused = () => page.evaluate<string>("document.activeElement.textContent");
      await visit(page, "overview");

      await page.keyboard.press("Tab");
      expect(await focused()).toBe("Skip to the page");
      await page.keyboard.press("Enter");
      expect(await focused()).toBe("Look at this");
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
      await page.keyboard.press("Escape");
      await expect.poll(focused).toBe("Look at this");
      await page.keyboard.press("4");
      await page.locator("tbody tr").first().waitFor();
      expect(await focused()).toBe("Notifications");
      await page.getByLabel("State").selectOption("pending");
      await page.locator("tbody tr:has-text('waiting')").first().waitFor();
      await page
        .getByRole("checkbox", { name: /^Choose no\./ })
        .first()
        .focus();
      await page.keyboard.press("Space");
      await page.getByRole("button", { name: "Send now" }).focus();
      await page.keyboard.press("Enter");
      await page.getByText("This concerns exactly 1 message.").waitFor();
      await page.keyboard.press("Escape");
      expect(await focused()).toBe("Send now…");
      await page.keyboard.press("/");
      await page.getByRole("searchbox").waitFor();
    });

    test("shows exactly how many and which before it acts on many, then what became of each", async () => {
      await using tab = await openTab(browser, server.url);
      const { page } = tab;
      const [id = "", other = ""] = await idsOf("pending");
      await visit(page, "notifications?channel=sms&state=pending");
      for (const it of [id, other]) {
        await page.getByRole("checkbox", { name: `Choose no. ${it}`, exact: true }).check();
      }

      await page.getByRole("button", { name: "Cancel…" }).click();
      await page.getByText("This concerns exactly 2 messages.").waitFor();
      await page.locator(".sample", { hasText: `№ ${id}` }).waitFor();
      // Between the look and the act it is sent, and nobody knows what became of it.
      await pool.query(
        "update oncebox.notification set state = 'unknown', state_reason = 'meanwhile' where id = $1",
        [other],
      );
      await giveReason(page, "they asked us to", /^Cancel 2 messages$/);

      await page.getByText("Done: 1 message").waitFor();
      await page.getByText("1 was refused").waitFor();
      await page.getByText("is unknown and cannot be cancelled").waitFor();
      expect([await stateOf(db, id), await stateOf(db, other)]).toEqual(["cancelled", "unknown"]);
      await page.getByRole("button", { name: "Close" }).last().click();
      await page.getByRole("checkbox", { name: "Choose all on this page" }).check();
      await page.getByRole("button", { name: "Choose all that fit the filters" }).click();
      await page.getByRole("button", { name: "Send now…" }).click();
      await page.getByText("This concerns exactly 500 messages.").waitFor();
      await page.getByText(/fit; at most 500 are done at once/).waitFor();
      await visit(page, "audit");
      await page.locator("tr", { hasText: "they asked us to" }).first().waitFor();
    });

    test("decides what is in doubt, with the consequences before it and a reason after it", async () => {
      await using tab = await openTab(browser, server.url);
      const { page } = tab;
      const [id = ""] = await idsOf("unknown");
      await visit(page, "doubt");
      const inDoubt = page.getByRole("article", { name: `№ ${id}` });
      await inDoubt.getByText("campaign/getInfo: the campaign is being prepared").first().waitFor();
      await inDoubt.getByText("the person gets it twice").waitFor();

      await inDoubt.getByRole("button", { name: /^It went out/ }).click();
      await giveReason(page, "it is in Mobizon's own list", /^Mark 1 as sent$/);

      await page.getByText("Done: 1 message").waitFor();
      expect(await stateOf(db, id)).toBe("sent");
      await page.getByRole("button", { name: "Close" }).last().click();
      await inDoubt.waitFor({ state: "detached" });
    });

    test("shows what a text will look like and cost before it is saved, and sends a test", async () => {
      await using tab = await openTab(browser, server.url);
      const { page } = tab;
      await visit(page, "texts?kind=proftest&channel=sms");

      await page
        .getByRole("textbox", { name: "Text", exact: true })
        .fill(`{{name|друг}}, {{city}}: ${"готово ".repeat(12)}`);
      await page.getByText("No value for: city").waitFor();
      await page.getByLabel("{{city}}").fill("Алматы");
      await page.locator(".bubble", { hasText: "Aigerim, Алматы: готово" }).waitFor();
      await page.getByText("2 SMS").waitFor();
      await page.getByRole("textbox", { name: "Text", exact: true }).fill("{{name|друг}}, готово");
      await page.getByRole("button", { name: "Save…" }).click();
      await giveReason(page, "shorter is cheaper", /^Save$/);
      await page.getByText("The text is saved").waitFor();
      await page.getByRole("button", { name: "Send a test…" }).click();
      await page.getByLabel("To which number?").fill("+7 701 555 44 33");
      await page.getByRole("button", { name: "Send a test", exact: true }).click();

      await page.locator(".phone .bubble", { hasText: "Aigerim, готово" }).waitFor();
      expect(tab.complaints).toEqual([]);
    });

    test("remembers the language and the colours", async () => {
      await using tab = await openTab(browser, server.url, {
        locale: "ru-RU",
        colorScheme: "dark",
      });
      const { page } = tab;
      await visit(page, "overview");
      await page.getByRole("heading", { name: "Обратите внимание" }).waitFor();
      const colours = () =>
        page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
      const dark = await colours();

      await page.keyboard.press("l");
      await page.keyboard.press("t");
      await page.reload();

      await page.getByRole("heading", { name: "Look at this" }).waitFor();
      expect(await colours()).not.toBe(dark);
      expect(await page.locator("html").getAttribute("lang")).toBe("en");
    });

    // The last one: it kills the server of all the others.
    test("says when the server is gone, and goes on by itself once it is back", async () => {
      await using tab = await openTab(browser, server.url);
      const { page } = tab;
      await visit(page, "overview");
      await page.getByText("live", { exact: true }).waitFor();

      await server.kill();
      await page.getByText("Connection lost, trying again").waitFor();
      await server.start();

      await page.getByText("live", { exact: true }).waitFor();
      await page.getByText("Connection lost, trying again").waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Register a lead" }).click();
      await page.getByText("SMS: sent").waitFor();
      await until("the figures move again", async () =>
        (await page.locator("main").textContent())?.includes("sent in the last hour"),
      );
    });
  },
);
