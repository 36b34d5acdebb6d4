import fastify from "fastify";
import { type Kysely, sql } from "kysely";
import { pino } from "pino";
import { describe, expect } from "vitest";
import { webhookRoutes } from "../../src/http/webhook.ts";
import type { Gateways } from "../../src/sandbox/gateways.ts";
import { oncebox } from "../db/support/oncebox.ts";
import { countStates, makeLeads, phoneOf, register } from "../support/leads.ts";
import { test as base } from "../support/running.ts";
import { until } from "../support/until.ts";
import { hurry } from "./support/fixture.ts";

const SECRET = "a-secret-of-32-characters-or-so!";

const test = base.extend<{ readonly webhookUrl: string }>({
  /** What `oncebox serve` will be: the stand-in posts its webhooks there. */
  webhookUrl: async ({ db, gateways }, use) => {
    const app = fastify();
    await app.register(webhookRoutes({ db, secrets: [SECRET], log: pino({ level: "silent" }) }));
    const url = `${await app.listen({ host: "127.0.0.1", port: 0 })}/webhooks/mobizon`;
    await gateways.set({ webhook: { url, secret: SECRET }, webhookRetryMs: 50 });
    await use(url);
    await app.close();
  },
});

/** How many SMS there are of each delivery. */
async function countDeliveries(db: Kysely<unknown>): Promise<Record<string, number>> {
  const { rows } = await sql<{ delivery: string; count: number }>`
    select coalesce(delivery, 'none') as delivery, count(*)::integer as count
      from oncebox.notifications where channel = 'sms' group by 1`.execute(db);
  return Object.fromEntries(rows.map((it) => [it.delivery, it.count]));
}

async function answeredWebhooks(gateways: Gateways): Promise<(number | null)[]> {
  return (await gateways.webhooks()).map((it) => it.answered);
}

describe("an SMS on its way to the phone", () => {
  for (const mode of ["campaign", "message"] as const) {
    test(`is delivered, and known to be within seconds of its webhook (${mode} mode)`, async ({
      db,
      gateways,
      startWorker,
      webhookUrl: _,
    }) => {
      const worker = await startWorker({ MOBIZON_SEND_MODE: mode });
      await register(db, makeLeads(3, { email: null }));
      // No look of its own is due before half a minute has passed.
      await until(
        "all are delivered",
        async () => (await countDeliveries(db)).DELIVRD === 3,
        25_000,
      );

      expect(await answeredWebhooks(gateways)).toEqual([200, 200, 200]);
      expect((await gateways.messages()).sms).toHaveLength(3);
      expect(await countStates(db)).toEqual({ sent: 3 });
      expect(await worker.logged("delivery:moved", { delivery: "DELIVRD" })).toMatchObject({
        ...{ level: "info", channel: "sms", leadId: expect.any(String) },
      });
      const { rows } = await sql`
        select distinct segments, cost::float8 as cost, delivery_look_at from oncebox.notifications`.execute(
        db,
      );
      expect(rows).toEqual([{ segments: 1, cost: 11, delivery_look_at: null }]);
    });
  }

  test("is asked about when its webhook is lost", async ({
    db,
    gateways,
    startWorker,
    webhookUrl: _,
  }) => {
    await gateways.addWebhookFault({ times: "always", fault: { post: "lost" } });
    await startWorker();
    await register(db, makeLeads(3, { email: null }));
    await until("all are sent", async () => (await countStates(db)).sent === 3);
    expect(await countDeliveries(db)).toEqual({ none: 3 });

    await until("all are delivered", async () => {
      await hurry(db);
      return (await countDeliveries(db)).DELIVRD === 3;
    });
    expect(await gateways.webhooks()).toEqual([]);
  });

  test("is not moved, settled or sent by webhooks that are forged, doubled, late or too early", async ({
    db,
    gateways,
    startWorker,
    webhookUrl: _,
  }) => {
    await gateways.addWebhookFault({
      match: { recipient: phoneOf(0).slice(1) },
      fault: { post: "forged", data: { status: "UNDELIV" } },
    });
    await gateways.addWebhookFault({
      match: { recipient: phoneOf(1).slice(1) },
      fault: { post: "twice" },
    });
    await gateways.addWebhookFault({
      match: { recipient: phoneOf(2).slice(1) },
      fault: { post: "late", delayMs: 2_000 },
    });
    // The phone has it long before the answer to the send is here.
    await gateways.addSmsFault({
      match: { method: "campaign/send", recipient: phoneOf(3).slice(1) },
      fault: { accept: true, answer: "late", delayMs: 2_500 },
    });
    await startWorker();
    await register(db, makeLeads(4, { email: null }));

    await until("all are delivered", async () => (await countDeliveries(db)).DELIVRD === 4, 25_000);

    expect((await gateways.messages()).sms).toHaveLength(4);
    expect(await countStates(db)).toEqual({ sent: 4 });
    const { rows } = await sql`select count(*)::integer as attempts from oncebox.attempt`.execute(
      db,
    );
    expect(rows).toEqual([{ attempts: 4 }]);
    expect(await answeredWebhooks(gateways)).toEqual([200, 200, 200, 200, 200]);
  });

  test("that went wrong is shown to people", async ({ databaseUrl, db, gateways, startWorker }) => {
    const env = { DATABASE_URL: databaseUrl };
    await startWorker({ MOBIZON_BALANCE_WARN: "2000000" });
    await register(db, [
      ...makeLeads(1, { email: null, phone: "+77010009991", idempotencyKey: "undeliv" }),
      ...makeLeads(1, { email: null, phone: "+77010009981", idempotencyKey: "declined" }),
      ...makeLeads(1, { email: null, phone: "+77010000001", idempotencyKey: "well" }),
    ]);
    await until("all have ended", async () => {
      await hurry(db);
      const { UNDELIV, DECLINED, DELIVRD } = await countDeliveries(db);
      return UNDELIV === 1 && DECLINED === 1 && DELIVRD === 1;
    });
    await until("the balance is read", async () => {
      const { rows } =
        await sql`select from oncebox.health where sms_balance_low_at is not null`.execute(db);
      return rows.length === 1;
    });

    const list = await oncebox(
      ["notifications", "list", "--delivery", "undelivered", "--json"],
      env,
    );
    const listed = JSON.parse(list.stdout) as { id: string; delivery: string }[];
    expect(listed.map((it) => it.delivery).sort()).toEqual(["DECLINED", "UNDELIV"]);
    const declined = listed.find((it) => it.delivery === "DECLINED")?.id ?? "";
    const show = await oncebox(["notifications", "show", declined], env);
    expect(show.stdout).toContain("sent (DECLINED)");
    expect(show.stdout).toMatch(
      /^delivery DECLINED, known since .* \(Declined by the sandbox's moderator\)$/m,
    );
    const delivered = await oncebox(["notifications", "list", "--delivery", "DELIVRD"], env);
    expect(delivered.stdout).toContain("sent (DELIVRD)");
    const { checks } = JSON.parse((await oncebox(["doctor", "--json"], env)).stdout) as {
      checks: { name: string; status: string; means: string }[];
    };
    expect(checks).toContainEqual(
      expect.objectContaining({
        ...{ name: "deliveries", status: "warn" },
        means: "2 SMS of the last 24 hours did not reach their phone",
      }),
    );
    expect(checks).toContainEqual(
      expect.objectContaining({
        ...{ name: "balance", status: "warn" },
        means: expect.stringMatching(/^\d+\.0000 KZT at .*, low since /),
      }),
    );
    // What we know of and show is no difference between the two records.
    const audit = await oncebox(["audit", "--since", "1h", "--json"], {
      ...env,
      MOBIZON_API_URL: gateways.mobizonUrl,
      MOBIZON_API_KEY: gateways.mobizonApiKey,
    });
    expect(JSON.parse(audit.stdout)).toMatchObject({ differences: [] });
  });
});
