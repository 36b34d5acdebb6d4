import { sql } from "kysely";
import type pg from "pg";
import { describe, expect } from "vitest";
import { eraseLead, findLeads } from "../../src/outbox/erase.ts";
import { parseNotificationId } from "../../src/outbox/notification.ts";
import { cancel } from "../../src/outbox/person.ts";
import { prune } from "../../src/outbox/prune.ts";
import { test } from "../support/fixture.ts";
import { makeLeads, register } from "../support/leads.ts";
import { until } from "../support/until.ts";

const DAY_MS = 86_400_000;
const PERSON = makeLeads(1, { phone: "+77015550142", email: "aigerim@example.kz" });

async function eraseIn(client: pg.PoolClient, leadId: string | undefined): Promise<void> {
  await client.query("select oncebox.erase_lead($1, 'operator')", [leadId]);
}

/** Until somebody waits for a lock that another transaction holds. */
async function untilOneWaits(pool: pg.Pool): Promise<void> {
  await until("one waits", async () => {
    const { rows } = await pool.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rows.length > 0;
  });
}

async function reasonsOf(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ reason: string }>(
    "select reason from oncebox.audit union all select state_reason from oncebox.notification where state_reason is not null",
  );
  return rows.map((it) => it.reason);
}

describe("a person's lead", () => {
  test("is found as somebody typed it elsewhere, too, and no one else's is", async ({
    db,
    pool,
  }) => {
    const { rows } = await pool.query<{ id: string }>(`
      insert into landing_leads (phone, email) values
        ('8 (701) 555-01-42', null), ('7015550142', ' Aigerim@Example.kz '), ('+7 701 555 01 42', null),
        ('+7 702 555 01 42', null), ('call me', 'other@example.kz'), (null, null)
      returning id`);
    const [first, second, third] = rows.map((it) => it.id);

    expect((await findLeads(db, "+77015550142")).sort()).toEqual([first, second, third].sort());
    expect(await findLeads(db, "aigerim@example.kz")).toEqual([second]);
    expect(await findLeads(db, "+77025550143")).toEqual([]);
  });
});

describe("what a person wrote about somebody", () => {
  test("goes with them, even where it looks like a code of ours", async ({ db, pool }) => {
    const [lead = ""] = await register(db, PERSON);
    for (const id of await idsOf(pool)) {
      await cancel(db, { notificationId: id, actor: "operator", reason: "77015550142" });
    }

    await eraseLead(db, lead, "operator");

    expect(new Set(await reasonsOf(pool))).toEqual(new Set(["erased"]));
  });

  test("goes when the notification is pruned, as nobody could tell later whose it was", async ({
    db,
    pool,
  }) => {
    await register(db, PERSON);
    for (const id of await idsOf(pool)) {
      await cancel(db, { notificationId: id, actor: "operator", reason: "asked by Айгерим" });
    }
    await pool.query("update oncebox.notification set settled_at = now() - interval '1 year'");

    expect(await prune(db, DAY_MS, 10)).toBe(2);

    const { rows } = await pool.query("select actor, action, to_state, reason from oncebox.audit");
    const kept = { actor: "operator", action: "cancel", to_state: "cancelled", reason: "pruned" };
    expect(rows).toEqual([kept, kept]);
  });
});

describe("while a person is being erased", () => {
  test("the same registration, repeated, waits and makes no second lead", async ({ db, pool }) => {
    const [lead] = await register(db, PERSON);
    const eraser = await pool.connect();
    await eraser.query("begin");
    await eraseIn(eraser, lead);
    const repeated = register(db, PERSON).catch((error: unknown) => error);
    await untilOneWaits(pool);

    await eraser.query("commit");
    eraser.release();

    // Told to try again, and then recognised.
    expect(await repeated).toMatchObject({ code: "40001" });
    expect(await register(db, PERSON)).toEqual([lead]);
    const { rows } = await sql`select from public.landing_leads`.execute(db);
    expect(rows).toHaveLength(1);
  });

  test("a notification that is added at the same moment is not left behind", async ({
    db,
    pool,
  }) => {
    const [lead] = await register(db, PERSON);
    const adder = await pool.connect();
    await adder.query("begin");
    await adder.query(
      "insert into oncebox.notification (lead_id, channel, kind, body) values ($1, 'sms', 'other', 'Текст')",
      [lead],
    );
    const erased = eraseLead(db, lead ?? "", "operator").catch((error: unknown) => error);
    await untilOneWaits(pool);

    await adder.query("commit");
    adder.release();

    expect(await erased).toMatchObject({ code: "ONCEBOX_MOVE_REFUSED" });
    expect(await eraseLead(db, lead ?? "", "operator")).toBe(3);
    const { rows } = await pool.query("select from oncebox.notification where recipient <> ''");
    expect(rows).toEqual([]);
  });
});

async function idsOf(pool: pg.Pool) {
  const { rows } = await pool.query<{ id: string }>("select id::text from oncebox.notification");
  return rows.map((it) => parseNotificationId(it.id));
}
