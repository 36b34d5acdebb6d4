import { sql } from "kysely";
import type pg from "pg";
import { expect } from "vitest";
import { adoptLeads } from "../../src/outbox/adopt.ts";
import type { Gateways } from "../../src/sandbox/gateways.ts";
import { countStates, phoneOf, tally } from "../support/leads.ts";
import { test } from "../support/running.ts";
import { until } from "../support/until.ts";

const LEADS = 40;
/** Flagged by the old backend after they were taken over, and before any worker runs. */
const FLAGGED = 10;

/** Leads as an old backend writes them, and nothing of oncebox's. */
async function writeLeads(pool: pg.Pool): Promise<void> {
  await pool.query(
    `insert into landing_leads (phone, created_at)
     select phone, now() - interval '1 hour' from unnest($1::text[]) as phone`,
    [Array.from({ length: LEADS }, (_, index) => phoneOf(index))],
  );
}

/** Sets the lead's flag if nobody has, and then sends, as an old backend that was mended does. */
async function sendOldWay(pool: pg.Pool, gateways: Gateways, phone: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    "update landing_leads set sms_sent = true where phone = $1 and sms_sent = false",
    [phone],
  );
  if (rowCount === 0) return false;
  const url = new URL("/service/message/sendSmsMessage", gateways.mobizonUrl);
  url.search = `output=json&api=v1&apiKey=${gateways.mobizonApiKey}`;
  const body = new URLSearchParams({ recipient: phone.slice(1), text: "old" });
  const response = await fetch(url, { method: "POST", body });
  expect(await response.json()).toMatchObject({ code: 0 });
  return true;
}

test("a lead that was taken over and that an old backend flags before its claim gets one SMS", async ({
  db,
  pool,
  gateways,
  startWorker,
}) => {
  await writeLeads(pool);
  const now = new Date();
  const window = { since: new Date(0).toISOString(), until: now.toISOString() };
  const adopted = await adoptLeads(db, {
    ...window,
    kind: "proftest",
    channels: ["sms", "email"],
    dueAt: now.toISOString(),
    atMost: LEADS,
    actor: "test",
  });
  let sentOldWay = 0;
  for (let index = 0; index < FLAGGED; index++) {
    if (await sendOldWay(pool, gateways, phoneOf(index))) sentOldWay++;
  }

  const worker = await startWorker({ ONCEBOX_CONCURRENCY: "2" });
  await worker.logged("attempt:settled");
  // From the other end, as fast as it can, until both have met.
  for (let index = LEADS - 1; index >= FLAGGED; index--) {
    if (await sendOldWay(pool, gateways, phoneOf(index))) sentOldWay++;
  }
  await until("every notification is final", async () => {
    const { pending = 0, claimed = 0, unknown = 0 } = await countStates(db);
    return pending + claimed + unknown === 0;
  });

  expect(adopted).toEqual({ leads: LEADS, notifications: LEADS });
  expect(sentOldWay).toBeGreaterThan(FLAGGED);
  expect(await countStates(db)).toEqual({ cancelled: sentOldWay, sent: LEADS - sentOldWay });
  const { rows: reasons } = await sql`
    select distinct state_reason from oncebox.notification where state = 'cancelled'`.execute(db);
  expect(reasons).toEqual([{ state_reason: "already_sent" }]);
  expect(worker.lines.some((it) => it.msg === "already sent - skipping duplicate")).toBe(true);
  const { sms } = await gateways.messages();
  expect(tally(sms.map((it) => `+${it.to}`))).toEqual(
    Object.fromEntries(Array.from({ length: LEADS }, (_, index) => [phoneOf(index), 1])),
  );
});
