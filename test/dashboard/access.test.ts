import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { type Server, startServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/log.ts";
import { makeToken, type Scope } from "../../src/outbox/tokens.ts";
import { test as base } from "../support/fixture.ts";
import { makeLead, makeNotification } from "../support/make.ts";
import { expectAccessible, launch, noBrowser, openTab, visit } from "./support/browser.ts";

interface Fixtures {
  readonly server: Server;
  readonly tokenFor: (...scopes: Scope[]) => Promise<string>;
}

const test = base.extend<Fixtures>({
  server: async ({ databaseUrl }, use) => {
    const http = {
      host: "127.0.0.1",
      port: 0,
      token: "t".repeat(40),
      requestsPerSecond: 1_000,
      leadsPerPhone: null,
    };
    const server = await startServer({ databaseUrl, http }, createLogger("silent"));
    await use(server);
    await server.close();
  },
  tokenFor: async ({ db }, use) => {
    await use((...scopes) =>
      makeToken(db, { name: "aigerim", scopes, source: "test", expiresAt: null, actor: "test" }),
    );
  },
});

describe.skipIf(noBrowser !== null)(
  `access to the dashboard${noBrowser === null ? "" : ` (${noBrowser})`}`,
  () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launch();
    });
    afterAll(() => browser.close());

    test("needs a good token, and ends with signing out", async ({ server, tokenFor }) => {
      const token = await tokenFor("read");
      await using tab = await openTab(browser, server.url);
      const { page } = tab;
      await page.goto("/");
      await page.getByRole("heading", { name: "Sign in" }).waitFor();
      await expectAccessible(page);

      await page.getByLabel("Token").fill("wrong");
      await page.keyboard.press("Enter");
      await page.getByText("This token is not known, or is no longer good.").waitFor();
      await page.getByLabel("Token").fill(token);
      await page.keyboard.press("Enter");
      await page.getByText("read-only", { exact: true }).waitFor();
      await page.reload();
      await page.getByText("aigerim").waitFor();
      await page.getByRole("button", { name: "Sign out" }).click();

      await page.getByRole("heading", { name: "Sign in" }).waitFor();
      await page.goBack();
      await page.goto("/#/audit");
      await page.getByRole("heading", { name: "Sign in" }).waitFor();
    });

    for (const [level, scopes] of [
      ["read-only", ["read"]],
      ["operator", ["read", "operate"]],
      ["admin", ["read", "operate", "admin"]],
    ] as const) {
      test(`offers what it may do to: ${level}`, async ({ server, db, pool, tokenFor }) => {
        const leadId = await makeLead(db);
        await makeNotification(db, { leadId, state: "unknown" });
        await makeNotification(db, { leadId, channel: "email", dueInMs: 3_600_000 });
        await pool.query(
          "update oncebox.channel set paused_until = now() + interval '1 hour', pause_reason = 'no money' where channel = 'sms'",
        );
        const mayOperate = level !== "read-only";
        const mayAll = level === "admin";
        await using tab = await openTab(browser, server.url);
        const { page } = tab;
        await page.goto("/");
        await page.getByLabel("Token").fill(await tokenFor(...scopes));
        await page.keyboard.press("Enter");

        await page.getByText("SMS is paused").waitFor();
        await page.getByText(level, { exact: true }).waitFor();
        expect((await page.getByRole("button", { name: "Open now" }).count()) > 0).toBe(mayAll);
        await visit(page, "doubt");
        await page.getByText("What was tried").waitFor();
        expect(await page.getByRole("button", { name: /^It went out/ }).isEnabled()).toBe(
          mayOperate,
        );
        await visit(page, `people?lead=${leadId}`);
        const reveal = page.getByRole("button", { name: "Reveal" });
        await reveal.waitFor();
        expect(await reveal.isEnabled()).toBe(mayOperate);
        await visit(page, "notifications");
        await page.locator("tbody tr").first().waitFor();
        expect((await page.getByRole("checkbox", { name: /^Choose/ }).count()) > 0).toBe(
          mayOperate,
        );
        await visit(page, "texts");
        const text = page.getByRole("textbox", { name: "Text", exact: true });
        await text.waitFor();
        expect(await text.isEditable()).toBe(mayAll);
        if (mayAll) {
          await visit(page, "overview");
          await page.getByRole("button", { name: "Open now" }).first().click();
          await page.getByLabel("Why?").fill("the account was topped up");
          await page.getByRole("dialog").getByRole("button", { name: "Open now" }).click();
          await page.getByText("SMS is open").waitFor();
        }
        if (level === "read-only") {
          for (const name of ["doubt", "texts"]) {
            await visit(page, name);
            await expectAccessible(page);
          }
        }
      });
    }

    test("is asked for again when the token is revoked meanwhile", async ({
      server,
      pool,
      tokenFor,
    }) => {
      await using tab = await openTab(browser, server.url);
      const { page } = tab;
      await page.goto("/");
      await page.getByLabel("Token").fill(await tokenFor("read"));
      await page.keyboard.press("Enter");
      await page.getByText("aigerim").waitFor();

      await pool.query("delete from oncebox.session");
      await page.keyboard.press("6");

      await page.getByRole("heading", { name: "Sign in" }).waitFor();
    });
  },
);
