import { createServer } from "node:net";
import fastify from "fastify";
import { describe, expect } from "vitest";
import { applyRoles } from "../../src/db/roles.ts";
import { metricsRoutes } from "../../src/http/metrics.ts";
import { openScrape, type Scrape } from "../../src/http/scrape.ts";
import { createLogger } from "../../src/log.ts";
import { createMetrics, type Metrics } from "../../src/metrics.ts";
import { test as base } from "../support/fixture.ts";
import { makeNotification } from "../support/make.ts";
import { until } from "../support/until.ts";
import { sampleOf, seriesOf } from "./support/samples.ts";

const log = createLogger("silent");

interface Scraping {
  readonly metrics: Metrics;
  readonly scrape: Scrape;
}

const test = base.extend<Scraping>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures used from the pattern
  metrics: async ({}, use) => {
    await use(createMetrics({ version: "1.2.3" }));
  },
  scrape: async ({ databaseUrl, metrics }, use) => {
    const scrape = openScrape({ metrics, databaseUrl, log });
    await use(scrape);
    await scrape.close();
  },
});

describe("a scrape", () => {
  test("shows what waits, from the database", async ({ db, scrape, pool }) => {
    await makeNotification(db, { dueInMs: -60_000 });
    await makeNotification(db, { dueInMs: 60_000 });
    await makeNotification(db, { dueInMs: -60_000, isHeld: true });
    await makeNotification(db, { state: "claimed", channel: "email" });
    await makeNotification(db, { state: "unknown" });
    await makeNotification(db, { state: "sent" });
    await pool.query(`
      update oncebox.attempt set started_at = now() - interval '1 hour';
      update oncebox.last_sweep set at = now() - interval '1 minute'`);

    const { body } = await scrape.read();

    expect(seriesOf(body, "oncebox_queue")).toEqual({
      'channel="sms",state="due"': 1,
      'channel="sms",state="held"': 1,
      'channel="sms",state="unknown"': 1,
      'channel="email",state="claimed"': 1,
    });
    expect(sampleOf(body, 'oncebox_oldest_due_age_seconds{channel="sms"}')).toBeCloseTo(60, -1);
    expect(sampleOf(body, 'oncebox_oldest_due_age_seconds{channel="email"}')).toBe(0);
    expect(sampleOf(body, 'oncebox_oldest_unknown_age_seconds{channel="sms"}')).toBeCloseTo(
      3_600,
      -2,
    );
    expect(sampleOf(body, "oncebox_sweep_age_seconds")).toBeCloseTo(60, -1);
    expect(sampleOf(body, "oncebox_notifications_made_total")).toBe(6);
    expect(sampleOf(body, 'oncebox_info{version="1.2.3"}')).toBe(1);
  });

  test("shows the balance once it is known", async ({ scrape, pool }) => {
    await pool.query(`
      alter table oncebox.channel
        add column if not exists balance numeric,
        add column if not exists balance_currency text,
        add column if not exists balance_at timestamptz;
      update oncebox.channel
         set balance = 1234.5, balance_currency = 'KZT', balance_at = now()
       where channel = 'sms'`);

    const { body } = await scrape.read();

    expect(seriesOf(body, "oncebox_balance")).toEqual({ 'channel="sms",currency="KZT"': 1_234.5 });
  });

  test("is one read of the database, however many ask within a second", async ({
    databaseUrl,
    metrics,
  }) => {
    let reads = 0;
    const counting = {
      ...metrics,
      setQueue: (queue: Parameters<Metrics["setQueue"]>[0]) => {
        reads += 1;
        metrics.setQueue(queue);
      },
    };
    const scrape = openScrape({ metrics: counting, databaseUrl, log });

    const answers = await Promise.all(Array.from({ length: 500 }, () => scrape.read()));

    expect(new Set(answers.map((it) => it.body)).size).toBe(1);
    expect(reads).toBe(1);
    await until("it is read again", async () => (await scrape.read()) && reads > 1);
    await scrape.close();
  });

  test("leaves out what it cannot read, says so, and finds it again", async ({ pool, scrape }) => {
    expect(sampleOf((await scrape.read()).body, "oncebox_workers")).toBe(0);
    const locker = await pool.connect();
    await locker.query("begin; lock table oncebox.channel in access exclusive mode");

    const locked = await until("it is not read", async () => {
      const { body } = await scrape.read();
      return sampleOf(body, "oncebox_scrape_errors_total") === 1 ? body : null;
    });
    // One that was only hung up on would wait in the server until the lock is free.
    const { rows: stillWaiting } = await pool.query(
      "select from pg_stat_activity where application_name = 'oncebox metrics' and wait_event_type = 'Lock'",
    );
    await locker.query("rollback");
    locker.release();
    const found = await until("it is read again", async () => {
      const { body } = await scrape.read();
      return sampleOf(body, "oncebox_workers") === 0 ? body : null;
    });

    expect(stillWaiting).toEqual([]);
    for (const name of ["oncebox_workers", "oncebox_notifications_made_total"]) {
      expect(sampleOf(locked, name), name).toBeNull();
    }
    for (const name of ["oncebox_queue", "oncebox_channel_paused"]) {
      expect(locked, name).not.toMatch(new RegExp(`^${name}\\{`, "m"));
    }
    expect(sampleOf(locked, 'oncebox_notifications_claimed_total{channel="sms"}')).toBe(0);
    expect(found).toMatch(/^oncebox_queue\{/m);
  });

  test("is answered while there is no database, and while one says nothing at all", async ({
    metrics,
  }) => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await until("it listens", () => silent.listening);
    const { port } = silent.address() as { port: number };
    const away = openScrape({ metrics, databaseUrl: "postgres://x@127.0.0.1:9/x", log });
    const mute = openScrape({ metrics, databaseUrl: `postgres://x@127.0.0.1:${port}/x`, log });

    const startedAt = performance.now();
    const answers = await Promise.all([away.read(), mute.read()]);

    expect(performance.now() - startedAt).toBeLessThan(8_000);
    expect(answers.map((it) => sampleOf(it.body, "oncebox_scrape_errors_total"))).toEqual([1, 2]);
    await Promise.all([away.close(), mute.close()]);
    silent.close();
  });

  test("is a route of a server that has others", async ({ scrape }) => {
    const app = fastify();
    await app.register(metricsRoutes(scrape));

    const answer = await app.inject("/metrics");

    expect(answer.statusCode).toBe(200);
    expect(answer.headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(sampleOf(answer.body, 'oncebox_channel_paused{channel="sms"}')).toBe(0);
    await app.close();
  });
});

describe("registrations through this process", () => {
  test("are counted for each channel, and a repeated key as a duplicate prevented", async ({
    metrics,
  }) => {
    metrics.registered(["sms", "email"], "created");
    metrics.registered(["sms"], "repeated");
    metrics.registered(["email"], "refused");

    const scraped = await metrics.registry.metrics();

    expect(seriesOf(scraped, "oncebox_notifications_registered_total")).toEqual({
      'channel="sms",result="created"': 1,
      'channel="email",result="created"': 1,
      'channel="sms",result="repeated"': 1,
      'channel="email",result="refused"': 1,
    });
    expect(seriesOf(scraped, "oncebox_duplicates_prevented_total")).toEqual({
      'channel="sms",by="repeated_key"': 1,
    });
  });
});

describe("codes of providers", () => {
  test("are labels only while they look like codes, and are not too many", async ({ metrics }) => {
    const answer = (code: string) =>
      metrics.observer.answered("sms", { kind: "unknown", code, detail: "" }, 1);
    for (const code of ["mobizon_8", "ECONNREFUSED", "77011234567", "a@example.kz", "x".repeat(99)])
      answer(code);
    for (let code = 100; code < 400; code++) answer(`smtp_${code}`);

    const codes = seriesOf(await metrics.registry.metrics(), "oncebox_provider_answers_total");

    expect(codes).toMatchObject({
      'channel="sms",code="mobizon_8"': 1,
      'channel="sms",code="ECONNREFUSED"': 1,
      'channel="sms",code="other"': 3 + 202,
    });
    expect(Object.keys(codes)).toHaveLength(101);
  });
});

describe("oncebox.queue", () => {
  test("reads no final row: each part of its plan is an index of what is not over", async ({
    pool,
  }) => {
    await pool.query(`
      with leads as (
        insert into public.landing_leads (phone)
        select '+7701' || lpad(i::text, 7, '0') from generate_series(1, 30000) as i
        returning id, phone)
      insert into oncebox.notification (lead_id, channel, recipient, state, settled_at)
      select id, 'sms', phone, 'sent', now() from leads;
      analyze oncebox.notification`);

    const { rows } = await pool.query<{ "QUERY PLAN": string }>(
      "explain select * from oncebox.queue",
    );

    const plan = rows.map((it) => it["QUERY PLAN"]).join("\n");
    expect(plan).not.toContain("Seq Scan on notification");
    for (const index of ["notification_due", "notification_unknown"]) expect(plan).toContain(index);
    expect(plan).toMatch(/notification_(?:lease|holder)/);
  });

  test("may be read by the worker itself where roles are applied", async ({ pool }) => {
    await applyRoles(pool);
    const client = await pool.connect();
    await client.query("begin; set local role oncebox_worker");

    const { rows } = await client.query("select * from oncebox.queue cross join oncebox.pulse");

    expect(rows).toHaveLength(2);
    await client.query("rollback");
    client.release();
  });
});
