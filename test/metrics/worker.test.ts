import { sql } from "kysely";
import { describe, expect } from "vitest";
import { registerLeads } from "../../src/outbox/register.ts";
import { countStates, makeLeads, phoneOf, register } from "../support/leads.ts";
import { test, type WorkerProcess } from "../support/running.ts";
import { until } from "../support/until.ts";
import { sampleOf, seriesOf } from "./support/samples.ts";

const WATCHED = { ONCEBOX_METRICS: "127.0.0.1:0" };

async function urlOf(worker: WorkerProcess): Promise<string> {
  return (await worker.logged("metrics:served")).url as string;
}

async function scrape(worker: WorkerProcess): Promise<string> {
  return await (await fetch(`${await urlOf(worker)}/metrics`)).text();
}

/** The first scrape of which this is true. */
async function scrapeWhen(
  worker: WorkerProcess,
  what: string,
  condition: (scraped: string) => boolean,
): Promise<string> {
  return await until(what, async () => {
    const scraped = await scrape(worker);
    return condition(scraped) ? scraped : null;
  });
}

describe("a worker's metrics", () => {
  test("count what was sent, refused and skipped, by channel", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.addSmsFault({
      match: { recipient: phoneOf(0).slice(1) },
      fault: { accept: false, answer: "code", code: 1, data: { recipient: "wrong" } },
    });
    const worker = await startWorker(WATCHED);
    await db.transaction().execute(async (tx) => {
      await registerLeads(tx, makeLeads(3));
      await sql`update public.landing_leads set sms_sent = true where phone = ${phoneOf(1)}`.execute(
        tx,
      );
    });

    const scraped = await scrapeWhen(
      worker,
      "all are counted",
      (it) => Object.values(seriesOf(it, "oncebox_notifications_settled_total")).length === 4,
    );

    expect(seriesOf(scraped, "oncebox_notifications_settled_total")).toEqual({
      'channel="sms",outcome="accepted",state="sent"': 1,
      'channel="sms",outcome="rejected",state="failed"': 1,
      'channel="sms",outcome="already_sent",state="cancelled"': 1,
      'channel="email",outcome="accepted",state="sent"': 3,
    });
    expect(seriesOf(scraped, "oncebox_notifications_claimed_total")).toEqual({
      'channel="sms"': 2,
      'channel="email"': 3,
    });
    expect(seriesOf(scraped, "oncebox_duplicates_prevented_total")).toEqual({
      'channel="sms",by="already_sent"': 1,
    });
    expect(seriesOf(scraped, "oncebox_provider_answers_total")).toEqual({
      'channel="sms",code="accepted"': 1,
      'channel="sms",code="mobizon_1"': 1,
      'channel="email",code="accepted"': 3,
    });
    expect(sampleOf(scraped, 'oncebox_due_to_provider_seconds_count{channel="sms"}')).toBe(2);
    expect(
      sampleOf(scraped, 'oncebox_send_seconds_count{channel="email",outcome="accepted"}'),
    ).toBe(3);
    expect(sampleOf(scraped, "oncebox_workers")).toBe(1);
    expect(sampleOf(scraped, "oncebox_notifications_made_total")).toBe(6);
    expect(sampleOf(scraped, 'oncebox_pool_waiting{pool="worker"}')).not.toBeNull();
    expect(sampleOf(scraped, "oncebox_scrape_errors_total")).toBe(0);
  });

  test("count a message in doubt, and the duplicate that the provider's record prevented", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.addSmsFault({
      match: { method: "campaign/send" },
      fault: { accept: true, answer: "reset" },
    });
    const worker = await startWorker(WATCHED);
    await register(db, makeLeads(1, { email: null }));

    const scraped = await scrapeWhen(
      worker,
      "it is found",
      (it) =>
        sampleOf(it, 'oncebox_duplicates_prevented_total{channel="sms",by="provider_record"}') ===
        1,
    );

    expect(seriesOf(scraped, "oncebox_notifications_settled_total")).toEqual({
      'channel="sms",outcome="unknown",state="unknown"': 1,
      'channel="sms",outcome="reconciled",state="sent"': 1,
    });
    expect(seriesOf(scraped, "oncebox_lookups_total")).toMatchObject({
      'channel="sms",finding="sent"': 1,
    });
    expect(seriesOf(scraped, "oncebox_channel_pauses_total")).toEqual({
      'channel="sms",trouble="outage"': 1,
    });
  });

  test("count a late write that was refused", async ({ db, gateways, startWorker }) => {
    await gateways.set({ delayMs: 1_000 });
    const worker = await startWorker({ ...WATCHED, MOBIZON_SEND_MODE: "message" });
    await register(db, makeLeads(1, { email: null }));
    await until("it is under way", async () => (await countStates(db)).claimed === 1);
    // As who finds the database to be an older one does it.
    await sql`update oncebox.notification set attempt = attempt + 10`.execute(db);

    const scraped = await scrapeWhen(
      worker,
      "it is refused",
      (it) =>
        sampleOf(it, 'oncebox_late_writes_refused_total{channel="sms",outcome="accepted"}') === 1,
    );

    expect(seriesOf(scraped, "oncebox_notifications_settled_total")).toEqual({});
  });

  test("count waits for the send rate, and show a paused channel with what waits for it", async ({
    db,
    gateways,
    startWorker,
  }) => {
    const worker = await startWorker({ ...WATCHED, ONCEBOX_SMS_PER_SECOND: "2" });
    await register(db, makeLeads(3, { email: null }));
    await until("all are sent", async () => (await countStates(db)).sent === 3);
    await gateways.addSmsFault({
      times: "always",
      fault: { accept: false, answer: "code", code: 8 },
    });
    const later = makeLeads(2, { email: null }).map((it, index) => ({
      ...it,
      idempotencyKey: `later-${index}`,
    }));
    await register(db, later);

    const scraped = await scrapeWhen(
      worker,
      "it is paused",
      (it) => sampleOf(it, 'oncebox_channel_paused{channel="sms"}') === 1,
    );

    expect(
      sampleOf(scraped, 'oncebox_rate_limit_waits_total{channel="sms"}'),
    ).toBeGreaterThanOrEqual(2);
    expect(sampleOf(scraped, 'oncebox_channel_paused{channel="email"}')).toBe(0);
    expect(seriesOf(scraped, "oncebox_channel_pauses_total")).toEqual({
      'channel="sms",trouble="setup"': 1,
    });
  });

  test("say nothing of any person, whatever the provider answers", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.addSmsFault({
      match: { recipient: phoneOf(0).slice(1) },
      fault: {
        ...{ accept: false, answer: "code", code: Number(phoneOf(0)) },
        message: `bad ${phoneOf(0)}`,
      },
    });
    const worker = await startWorker({ ...WATCHED, MOBIZON_SEND_MODE: "message" });
    const leadIds = await register(db, makeLeads(2));

    const scraped = await scrapeWhen(
      worker,
      "all are counted",
      (it) => Object.keys(seriesOf(it, "oncebox_notifications_settled_total")).length === 3,
    );

    for (const secret of [
      ...["7701000", "Айгерим", "lead0", "example", "ProfTest", gateways.mobizonApiKey],
      ...leadIds,
    ]) {
      expect(scraped).not.toContain(secret);
    }
    expect(seriesOf(scraped, "oncebox_provider_answers_total")).toMatchObject({
      'channel="sms",code="other"': 1,
    });
  });

  test("are served beside /healthz until it has drained, and nowhere unless it is told to", async ({
    startWorker,
  }) => {
    const quiet = await startWorker();
    const worker = await startWorker(WATCHED);
    const url = await urlOf(worker);

    const answers = await Promise.all(
      ["/healthz", "/metrics?x=1", "/", "/metrics/x"].map((path) => fetch(url + path)),
    );
    const posted = await fetch(`${url}/metrics`, { method: "POST" });
    worker.child.kill("SIGTERM");

    expect(answers.map((it) => it.status)).toEqual([200, 200, 404, 404]);
    expect(await answers[0]?.text()).toBe("ok\n");
    expect(answers[1]?.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect(await worker.ended).toBe(0);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    expect(quiet.lines.map((it) => it.msg)).not.toContain("metrics:served");
  });

  test("that cannot be served are one clear error, before anything is sent", async ({
    db,
    startWorker,
  }) => {
    await register(db, makeLeads(1));
    const worker = await startWorker({ ...WATCHED, MOBIZON_API_KEY: "", SMTP_URL: "" }).catch(
      (error: unknown) => String(error),
    );
    const taken = await startWorker({ ONCEBOX_METRICS: "203.0.113.1:9464" }).catch(
      (error: unknown) => String(error),
    );

    expect(worker).toContain("neither MOBIZON_API_KEY nor SMTP_URL");
    expect(taken).toContain("ONCEBOX_METRICS: cannot listen at 203.0.113.1:9464");
    expect(await countStates(db)).toEqual({ pending: 2 });
  });
});
