import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import { createMobizonApi } from "../../src/channels/mobizon-api.ts";
import type { Gateways } from "../../src/sandbox/gateways.ts";
import { countStates, makeLeads, register } from "../support/leads.ts";
import { test } from "../support/running.ts";
import { until } from "../support/until.ts";

const PHONE = "+77010000001";
const SHORT = { ONCEBOX_SEND_TIMEOUT: "2 seconds", ONCEBOX_LEASE: "20 seconds" };

async function campaignsOf(gateways: Gateways) {
  const api = createMobizonApi({ apiUrl: gateways.mobizonUrl, apiKey: gateways.mobizonApiKey });
  const page = await api.listCampaigns(PHONE.slice(1), 0, AbortSignal.timeout(5_000));
  if (!page.ok) throw new Error(page.failure.detail);
  return page.value.campaigns.filter((it) => !it.isDeleted);
}

async function isDiscarded(db: Kysely<unknown>): Promise<boolean> {
  await sql`update oncebox.notification set discard_at = now() where discard_at > now()`.execute(
    db,
  );
  const { rows } = await sql`select from oncebox.notification where discard_at is not null`.execute(
    db,
  );
  return rows.length === 0;
}

/** The first attempt makes a campaign and never hears of its recipient's being added. */
async function leaveADraft(gateways: Gateways): Promise<void> {
  await gateways.addSmsFault({
    match: { method: "campaign/addRecipients" },
    fault: { accept: true, answer: "reset" },
  });
}

/** Without the wait before the second try. */
async function untilSent(db: Kysely<unknown>): Promise<void> {
  await until("it is sent", async () => {
    await sql`update oncebox.notification set due_at = now() where state = 'pending'`.execute(db);
    return (await countStates(db)).sent === 1;
  });
}

describe("a draft that nobody will send off", () => {
  test("is thrown away once its notification was sent with another one, and the sent one stays", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await leaveADraft(gateways);
    await startWorker(SHORT);
    await register(db, makeLeads(1, { phone: PHONE, email: null }));
    await untilSent(db);
    expect((await campaignsOf(gateways)).map((it) => it.status)).toContain("NEW");

    await until("the draft is looked for", () => isDiscarded(db));
    const left = await campaignsOf(gateways);
    const { rows } = await sql<{
      campaign_id: string;
    }>`select campaign_id from oncebox.notification`.execute(db);
    expect(left.map((it) => it.id)).toEqual([rows[0]?.campaign_id]);
    expect((await gateways.messages()).sms).toHaveLength(1);
    expect((await gateways.requests()).counts).toMatchObject({ "campaign/delete": { "0": 1 } });
  });

  test("is thrown away when its worker was killed before it could keep it", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await gateways.addSmsFault({
      match: { method: "campaign/addRecipients" },
      fault: { accept: true, answer: "never" },
    });
    const doomed = await startWorker({
      ONCEBOX_SEND_TIMEOUT: "15 seconds",
      ONCEBOX_LEASE: "30 seconds",
    });
    await register(db, makeLeads(1, { phone: PHONE, email: null }));
    await until("the draft is there", async () => (await campaignsOf(gateways)).length === 1);
    doomed.child.kill("SIGKILL");
    await startWorker(SHORT);
    await until("it is sent", async () => (await countStates(db)).sent === 1);
    expect(await campaignsOf(gateways)).toHaveLength(2);

    await until("the draft is looked for", () => isDiscarded(db));
    expect(await campaignsOf(gateways)).toHaveLength(1);
    expect((await gateways.messages()).sms).toHaveLength(1);
  });

  test("is left alone while its notification may still be sent", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await leaveADraft(gateways);
    await startWorker(SHORT);
    await register(db, makeLeads(1, { phone: PHONE, email: null }));
    await until("it was tried", async () => {
      const { rows } = await sql`
        select from oncebox.notification where state = 'pending' and discard_at is not null`.execute(
        db,
      );
      return rows.length === 1;
    });
    await sql`update oncebox.notification set discard_at = now()`.execute(db);
    const { rows } = await sql`select * from oncebox.take_discards(array['sms'], 10)`.execute(db);
    expect(rows).toEqual([]);
  });

  test("is looked for again when the provider could not be asked", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await leaveADraft(gateways);
    await gateways.addSmsFault({
      match: { method: "campaign/delete" },
      fault: { accept: false, answer: "http", status: 502 },
    });
    const worker = await startWorker(SHORT);
    await register(db, makeLeads(1, { phone: PHONE, email: null }));
    await untilSent(db);
    await sql`update oncebox.notification set discard_at = now()`.execute(db);
    await worker.logged("discard:not done, it is tried again");
    expect(await campaignsOf(gateways)).toHaveLength(2);
    await until("the draft is looked for", () => isDiscarded(db));
    expect(await campaignsOf(gateways)).toHaveLength(1);
  });
});
