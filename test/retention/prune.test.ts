import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import { countPrunable, prune } from "../../src/outbox/prune.ts";
import { oncebox } from "../db/support/oncebox.ts";
import { makeLeads, register } from "../support/leads.ts";
import { test } from "../support/running.ts";
import { until } from "../support/until.ts";

const DAY_MS = 86_400_000;
const STATES = ["pending", "claimed", "sent", "failed", "unknown", "cancelled"] as const;

/** One lead with an SMS in each state, all of them as old as that. */
async function oneInEachState(db: Kysely<unknown>, age: string): Promise<void> {
  await register(
    db,
    makeLeads(STATES.length, { email: null, data: { result_url: "https://example.kz/r" } }),
  );
  await sql`insert into oncebox.worker (id, pid, version, lock_key)
            values ('00000000-0000-4000-8000-000000000001', 1, 'test', 1)`.execute(db);
  await sql`
    with placed as (
      select n.id, (${[...STATES]}::text[])[row_number() over (order by n.id)] as state
        from oncebox.notification as n)
    update oncebox.notification as n
       set state        = p.state,
           attempt      = 1,
           worker_id    = '00000000-0000-4000-8000-000000000001',
           lease_until  = case p.state when 'claimed' then now() + interval '1 hour' end,
           state_reason = 'test',
           settled_at   = case when p.state in ('sent', 'failed', 'cancelled') then now() - ${age}::interval end,
           created_at   = now() - ${age}::interval
      from placed as p
     where p.id = n.id`.execute(db);
  await sql`
    insert into oncebox.attempt (notification_id, attempt, worker_id, outcome, ended_at)
    select n.id, 1, n.worker_id, 'not_sent', now() from oncebox.notification as n`.execute(db);
  await sql`update oncebox.registration set created_at = now() - ${age}::interval`.execute(db);
}

async function statesLeft(db: Kysely<unknown>): Promise<string[]> {
  const { rows } = await sql<{ state: string }>`
    select state from oncebox.notification order by state`.execute(db);
  return rows.map((it) => it.state);
}

describe("prune", () => {
  test("removes what is final and old, with its attempts and its data, and nothing else", async ({
    db,
  }) => {
    await oneInEachState(db, "100 days");
    expect(await countPrunable(db, 90 * DAY_MS)).toBe(3);
    expect(await prune(db, 90 * DAY_MS, 1_000)).toBe(3);
    expect(await prune(db, 90 * DAY_MS, 1_000)).toEqual(0);

    expect(await statesLeft(db)).toEqual(["claimed", "pending", "unknown"]);
    const { rows } = await sql`
      select (select count(*)::integer from oncebox.attempt) as attempts,
             (select count(*)::integer from oncebox.registration where data = '{}') as emptied,
             (select count(*)::integer from public.landing_leads) as leads`.execute(db);
    expect(rows).toEqual([{ attempts: 3, emptied: 3, leads: 6 }]);
  });

  test("keeps what is younger, and what may have a draft at the provider yet", async ({ db }) => {
    await oneInEachState(db, "100 days");
    expect(await prune(db, 120 * DAY_MS, 1_000)).toEqual(0);
    await sql`update oncebox.notification set discard_at = now() where state = 'sent'`.execute(db);
    expect(await countPrunable(db, 90 * DAY_MS)).toEqual(2);
    expect(await prune(db, 90 * DAY_MS, 1_000)).toEqual(2);
    expect(await statesLeft(db)).toContain("sent");
  });

  test("goes batch by batch, the oldest first", async ({ db }) => {
    await oneInEachState(db, "100 days");
    await sql`update oncebox.notification set settled_at = settled_at - interval '1 day' where state = 'failed'`.execute(
      db,
    );
    expect(await prune(db, 90 * DAY_MS, 1)).toBe(1);
    expect(await statesLeft(db)).not.toContain("failed");
  });

  for (const state of ["pending", "claimed", "unknown"]) {
    test(`cannot be forced: nobody deletes a row that is ${state}`, async ({ db }) => {
      await oneInEachState(db, "100 days");
      await sql`delete from oncebox.attempt`.execute(db);
      const deleting = sql`delete from oncebox.notification where state = ${state}`.execute(db);
      await expect(deleting).rejects.toMatchObject({ code: "OB006" });
    });
  }

  test("cannot be forced: nobody truncates what holds unsent rows", async ({ db }) => {
    await oneInEachState(db, "100 days");
    const truncating = sql`truncate oncebox.notification cascade`.execute(db);
    await expect(truncating).rejects.toMatchObject({ code: "OB006" });
  });

  test("leaves the lead's flag, which keeps a second message from going out", async ({
    db,
    gateways,
    startWorker,
  }) => {
    await startWorker();
    const [lead] = await register(db, makeLeads(1, { email: null }));
    await until("it is sent", async () => (await statesLeft(db))[0] === "sent");
    await sql`update oncebox.notification set settled_at = now() - interval '91 days'`.execute(db);
    expect(await prune(db, 90 * DAY_MS, 10)).toBe(1);

    await sql`insert into oncebox.notification (lead_id, channel) values (${lead}::uuid, 'sms')`.execute(
      db,
    );
    await until("it is decided", async () => (await statesLeft(db))[0] === "cancelled");
    expect((await gateways.messages()).sms).toHaveLength(1);
  });
});

describe("after a prune", () => {
  test("a registration that is repeated is still recognised", async ({ db }) => {
    const leads = makeLeads(1, { email: null });
    const [lead] = await register(db, leads);
    await sql`
      update oncebox.notification
         set state = 'cancelled', state_reason = 'test', settled_at = now() - interval '91 days'`.execute(
      db,
    );
    expect(await prune(db, 90 * DAY_MS, 10)).toBe(1);
    expect(await register(db, leads)).toEqual([lead]);
    expect(await statesLeft(db)).toEqual([]);
  });

  test("nobody adopts a lead that was cancelled once", async ({ db }) => {
    await sql`
      insert into public.landing_leads (phone, created_at) values ('+77010000001', now() - interval '100 days')`.execute(
      db,
    );
    const adopt = sql<{ notifications: number }>`
      select notifications
        from oncebox.adopt_leads(now() - interval '1 year', now(), 'proftest', array['sms'], null, 10, 'operator')`;
    const { rows } = await adopt.execute(db);
    expect(rows).toEqual([{ notifications: 1 }]);
    await sql`
      update oncebox.notification
         set state = 'cancelled', state_reason = 'test', settled_at = now() - interval '91 days'`.execute(
      db,
    );
    expect(await prune(db, 90 * DAY_MS, 10)).toBe(1);
    expect((await adopt.execute(db)).rows).toEqual([{ notifications: 0 }]);
  });
});

describe("oncebox prune", () => {
  test("counts first, then removes, and says so for scripts", async ({ db, databaseUrl }) => {
    await oneInEachState(db, "100 days");
    const dry = await oncebox(["prune", "--dry-run", "--json"], { DATABASE_URL: databaseUrl });
    expect(JSON.parse(dry.stdout)).toMatchObject({ dryRun: true, notifications: 3 });
    expect(await statesLeft(db)).toHaveLength(6);

    const done = await oncebox(["prune", "--batch", "2"], { DATABASE_URL: databaseUrl });
    expect(done.exitCode).toBe(0);
    expect(done.stdout).toContain("3 notifications removed");
    expect(done.stderr).toContain("2 of 3 notifications");
    expect(await statesLeft(db)).toHaveLength(3);
  });

  for (const [name, value] of [
    ["--older-than", "soon"],
    ["--older-than", "2 hours"],
    ["--batch", "0"],
  ] as const) {
    test(`refuses ${name} ${value}, and names both`, async ({ databaseUrl }) => {
      const { exitCode, stderr } = await oncebox(["prune", name, value], {
        DATABASE_URL: databaseUrl,
      });
      expect(exitCode).toBe(2);
      expect(stderr).toContain(name);
      expect(stderr).toContain(value);
    });
  }
});

describe("a worker with ONCEBOX_KEEP", () => {
  test("prunes when its hour comes", async ({ db, startWorker }) => {
    await oneInEachState(db, "100 days");
    await sql`delete from oncebox.attempt where notification_id in (select id from oncebox.notification where state = 'claimed')`.execute(
      db,
    );
    const worker = await startWorker({ ONCEBOX_KEEP: "90 days" });
    // As its crontab does at night.
    await sql`select graphile_worker.add_job('oncebox_prune')`.execute(db);
    expect(await worker.logged("prune:done")).toMatchObject({ notifications: 3 });
    const { rows } = await sql`select from graphile_worker._private_known_crontabs`.execute(db);
    expect(rows).toHaveLength(1);
  });
});
