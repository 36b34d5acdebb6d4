import { type Kysely, sql } from "kysely";
import { describe, expect, inject } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { hold, resume } from "../../src/outbox/epoch.ts";
import type { NotificationId } from "../../src/outbox/notification.ts";
import type { Finding } from "../../src/outbox/outcome.ts";
import { cancel, resolve, retry } from "../../src/outbox/person.ts";
import { reconcile, takeLookups } from "../../src/outbox/reconcile.ts";
import { settle } from "../../src/outbox/settle.ts";
import { sweep } from "../../src/outbox/sweep.ts";
import { createDatabase, dropDatabase, urlOf } from "../support/database.ts";
import { test } from "../support/fixture.ts";
import { makeLeads, register } from "../support/leads.ts";
import { claimAs, jobsOf, makeLead, makeNotification, makeWorker, rowOf } from "../support/make.ts";
import { connect, travel } from "./support/epoch.ts";

const DECISION = { actor: "aigerim", reason: "compared with the gateway's list" };
const act = (notificationId: NotificationId) => ({ notificationId, ...DECISION });

async function isKnown(db: Kysely<unknown>): Promise<boolean> {
  const { rows } = await sql<{ known: boolean }>`
    select (s.system_identifier, s.timeline, s.database) = (e.system_identifier, e.timeline, e.database) as known
      from oncebox.setting as s, oncebox.epoch() as e`.execute(db);
  return rows[0]?.known === true;
}

async function heldIds(db: Kysely<unknown>): Promise<string[]> {
  const { rows } = await sql<{
    id: string;
  }>`select id::text as id from oncebox.notification where is_held order by id`.execute(db);
  return rows.map((it) => it.id);
}

/** Asks about it as a worker does, whenever the next question is due. */
async function find(db: Kysely<unknown>, id: string, finding: Finding) {
  await sql`update oncebox.notification set look_up_at = now() where id = ${id}::bigint and look_up_at is not null`.execute(
    db,
  );
  const doubts = await takeLookups(db, ["sms", "email"], 100);
  const doubt = doubts.find((it) => it.notificationId === id);
  return doubt === undefined ? null : await reconcile(db, doubt, await makeWorker(db), finding);
}

const afterTheDeadline = sql`update oncebox.setting set travelled_at = travelled_at - interval '10 minutes'`;

describe("which database it is", () => {
  test("is not written down by migrating alone, so that a template may be cloned", async ({
    db,
  }) => {
    expect(await isKnown(db)).toBe(false);
  });

  test("is written down by the first claim, which holds nothing", async ({ db }) => {
    const id = await makeNotification(db);
    await sql`update oncebox.setting set system_identifier = null`.execute(db);

    expect(await claimAs(db, id)).toMatchObject({ verdict: "claimed" });
    expect(await isKnown(db)).toBe(true);
  });

  test("is written down by the first registration, so that a copy made before any worker ran is known for one", async ({
    db,
  }) => {
    await register(db, makeLeads(1));

    expect(await isKnown(db)).toBe(true);
  });

  test("does not keep a registration waiting for one that was first and has not committed", async ({
    db,
    pool,
  }) => {
    const first = await pool.connect();
    await first.query("begin");
    await first.query(
      "select oncebox.register_lead(phone => '+77771234567', due_at => now(), source => 'slow')",
    );

    await register(db, makeLeads(1));
    expect(await claimAs(db, await makeNotification(db))).toMatchObject({ verdict: "claimed" });

    await first.query("commit");
    first.release();
    expect(await isKnown(db)).toBe(true);
  });

  test("does not keep a role from registering that may not write it down", async ({ db, pool }) => {
    const role = `oncebox_test_${process.pid}_${Date.now()}`;
    await pool.query(`create role ${role}; grant usage on schema oncebox to ${role};
      grant select on oncebox.setting to ${role}; grant execute on function oncebox.remember_epoch to ${role}`);
    const client = await pool.connect();
    await client.query("begin");
    await client.query(`set local role ${role}`);
    await client.query("select oncebox.remember_epoch()");
    await client.query("commit");
    client.release();
    await pool.query(`drop owned by ${role}; drop role ${role}`);

    expect(await isKnown(db)).toBe(false);
  });

  test("is written down by migrate where there are notifications already", async ({ db, pool }) => {
    await makeNotification(db);
    await sql`update oncebox.setting set system_identifier = null, timeline = null, database = null`.execute(
      db,
    );

    await migrate(pool);

    expect(await isKnown(db)).toBe(true);
  });

  test("is not forgotten by migrating a copy", async ({ db, pool }) => {
    const id = await makeNotification(db);
    await travel(db);

    await migrate(pool);

    expect(await claimAs(db, id)).toMatchObject({ verdict: "held" });
  });
});

describe("a database that is another one than it was", () => {
  for (const what of ["system_identifier", "timeline", "database"] as const) {
    test(`by its ${what} holds what is due, and only that`, async ({ db }) => {
      const due = await makeNotification(db, { dueInMs: -1_000 });
      const email = await makeNotification(db, { channel: "email", dueInMs: -3_600_000 });
      const later = await makeNotification(db, { dueInMs: 60_000 });
      const sent = await makeNotification(db, { state: "sent" });
      await travel(db, what);

      expect(await claimAs(db, due)).toMatchObject({ verdict: "held" });
      expect(await heldIds(db)).toEqual([due, email]);
      expect(await rowOf(db, due)).toMatchObject({ state: "pending", flag: false });
      expect(await rowOf(db, sent)).toMatchObject({ state: "sent" });

      await sql`update oncebox.notification set due_at = now() where id = ${later}::bigint`.execute(
        db,
      );
      expect(await claimAs(db, later)).toMatchObject({ verdict: "claimed" });
      expect(await claimAs(db, await makeNotification(db))).toMatchObject({ verdict: "claimed" });
    });
  }

  test("holds what another machine's clock may have found due a moment earlier", async ({ db }) => {
    const id = await makeNotification(db, { dueInMs: 5_000 });
    await travel(db);

    await sweep(db);

    expect(await heldIds(db)).toEqual([id]);
  });

  test("is noticed by the first sweep, which tells how many it held", async ({ db }) => {
    const id = await makeNotification(db, { dueInMs: -1_000 });
    await travel(db);

    expect(await sweep(db)).toContainEqual({ action: "travelled", subject: "1" });
    expect(await heldIds(db)).toEqual([id]);
    expect(await sweep(db)).toEqual([]);
  });

  test("is noticed once by fifty claims at the same moment, none of which is sent or refused", async ({
    db,
  }) => {
    const ids = await Promise.all(Array.from({ length: 50 }, () => makeNotification(db)));
    const workerId = await makeWorker(db);
    await travel(db);

    const claims = await Promise.all(ids.map((id) => claimAs(db, id, { workerId })));

    expect(claims.map((it) => it?.verdict)).toEqual(ids.map(() => "held"));
    const { rows } = await sql`
      select count(*)::integer as held, count(distinct look_up_at)::integer > 0 as asked,
             (select count(distinct attempt)::integer from oncebox.notification) as bumps
        from oncebox.notification where is_held`.execute(db);
    expect(rows).toEqual([{ held: 50, asked: true, bumps: 1 }]);
  });

  test("has the provider asked about SMS, and leaves emails to a person", async ({ db }) => {
    const sms = await makeNotification(db);
    await makeNotification(db, { channel: "email" });
    await travel(db);
    await claimAs(db, sms);

    const doubts = await takeLookups(db, ["sms", "email"], 100);

    expect(doubts).toMatchObject([{ notificationId: sms, channel: "sms" }]);
  });

  test("takes from open attempts the proof that they sent nothing", async ({ db }) => {
    const open = await makeNotification(db, {
      state: "claimed",
      irreversible: false,
      holderIsGone: true,
    });
    await travel(db);

    await sweep(db);

    expect(await rowOf(db, open)).toMatchObject({ state: "unknown", flag: true });
  });
});

describe("a held notification", () => {
  async function makeHeld(db: Kysely<unknown>, channel: "sms" | "email" = "sms") {
    const id = await makeNotification(db, { channel });
    await travel(db);
    await sweep(db);
    expect(await heldIds(db)).toContain(id);
    return id;
  }

  test("that was found sent ends cancelled as already sent, and its lead says so", async ({
    db,
  }) => {
    const id = await makeHeld(db);

    expect(await find(db, id, { kind: "sent", providerRef: "200", campaignId: "100" })).toBe(
      "already_sent",
    );
    expect(await claimAs(db, id)).toMatchObject({ verdict: "already_sent" });
    expect(await rowOf(db, id)).toMatchObject({
      state: "cancelled",
      stateReason: "already_sent",
      flag: true,
      hasFlagTime: true,
    });
  });

  test("is let go when there is no trace of it three times, after the longest send", async ({
    db,
  }) => {
    const id = await makeHeld(db);
    const absent = { kind: "absent" } as const;

    // However often: a send that the lost commits knew of might still be under way.
    for (let round = 0; round < 5; round++) expect(await find(db, id, absent)).toBe("later");
    expect(await claimAs(db, id)).toMatchObject({ verdict: "held" });

    await sql`delete from oncebox.lookup`.execute(db);
    await afterTheDeadline.execute(db);
    expect(await find(db, id, absent)).toBe("later");
    expect(await find(db, id, absent)).toBe("later");
    expect(await find(db, id, absent)).toBe("pending");
    expect(await claimAs(db, id)).toMatchObject({ verdict: "claimed" });
  });

  test("waits as long as a send may take by this installation's own settings", async ({ db }) => {
    const before = await makeNotification(db, { dueInMs: -1_000 });
    await claimAs(db, before, { sendTimeoutMs: 1_800_000 });
    const id = await makeHeld(db);
    await afterTheDeadline.execute(db);

    for (let round = 0; round < 5; round++)
      expect(await find(db, id, { kind: "absent" })).toBe("later");
  });

  for (const kind of ["draft", "rejected"] as const) {
    test(`is let go when the record says ${kind}`, async ({ db }) => {
      const id = await makeHeld(db);

      const finding: Finding = kind === "draft" ? { kind } : { kind, code: "x", detail: "" };
      expect(await find(db, id, finding)).toBe("pending");
      expect(await claimAs(db, id)).toMatchObject({ verdict: "claimed" });
    });
  }

  test("is not sent, whatever wakes it", async ({ db }) => {
    const id = await makeHeld(db, "email");

    await retry(db, act(id));
    expect(await jobsOf(db, id)).toHaveLength(1);
    expect(await claimAs(db, id)).toMatchObject({ verdict: "held" });
    await sql`update oncebox.notification set due_at = now() - interval '1 hour' where id = ${id}::bigint`.execute(
      db,
    );
    await sweep(db);
    expect(await claimAs(db, id)).toMatchObject({ verdict: "held" });
    expect(await find(db, id, { kind: "absent" })).toBeNull();
    expect(await rowOf(db, id)).toMatchObject({ state: "pending", flag: false });
  });

  test("goes out once a person lets its channel go, which is audited one by one", async ({
    db,
  }) => {
    const ids = [await makeNotification(db, { channel: "email" }), await makeHeld(db, "email")];
    const sms = await makeNotification(db);
    await travel(db, "timeline", "00000077");
    await sweep(db);

    expect(await resume(db, "email", DECISION)).toBe(2);

    expect(await heldIds(db)).toEqual([sms]);
    const { rows } = await sql`
      select actor, action, notification_id::text as id, reason from oncebox.audit order by notification_id`.execute(
      db,
    );
    expect(rows).toEqual(ids.map((id) => ({ ...DECISION, action: "resume", id })));
    for (const id of ids) {
      expect(await jobsOf(db, id)).toHaveLength(1);
      expect(await claimAs(db, id)).toMatchObject({ verdict: "claimed" });
    }
    expect(await resume(db, "email", DECISION)).toBe(0);
  });

  for (const channel of ["sms", "email"] as const) {
    test(`can be cancelled by a person (${channel})`, async ({ db }) => {
      const id = await makeHeld(db, channel);

      await cancel(db, act(id));

      expect(await rowOf(db, id)).toMatchObject({ state: "cancelled", flag: false });
    });

    test(`can be resolved as sent by a person, and its lead says so (${channel})`, async ({
      db,
    }) => {
      const id = await makeHeld(db, channel);

      await resolve(db, act(id), "sent");

      expect(await heldIds(db)).toEqual([]);
      expect(await rowOf(db, id)).toMatchObject({
        state: "cancelled",
        stateReason: "already_sent",
        flag: true,
      });
    });

    test(`can be let go alone by a person (${channel})`, async ({ db }) => {
      const id = await makeHeld(db, channel);
      const other = await makeNotification(db, { channel });
      await travel(db, "timeline", "00000088");
      await sweep(db);

      await resolve(db, act(id), "pending");

      expect(await heldIds(db)).toEqual([other]);
      expect(await claimAs(db, id)).toMatchObject({ verdict: "claimed" });
    });
  }

  test("hears of a worker that lived through it and knows that it went out", async ({ db }) => {
    const id = await makeHeld(db, "email");

    // Its claim was attempt 1, and that commit is lost.
    const accepted = { kind: "accepted", providerRef: "queue 7" } as const;
    await settle(db, { notificationId: id, attempt: 1 }, accepted, { failures: 0, pauses: 0 });

    await resume(db, "email", DECISION);
    expect(await claimAs(db, id)).toMatchObject({ verdict: "already_sent" });
  });

  test("gets no attempt number that a lost commit may have given away", async ({ db }) => {
    const id = await makeHeld(db, "email");
    await resume(db, "email", DECISION);
    const claimed = await claimAs(db, id);

    const notSent = { kind: "not_sent", code: "ECONNREFUSED", detail: "" } as const;
    for (const attempt of [1, 2, 3]) {
      await settle(db, { notificationId: id, attempt }, notSent, { failures: 0, pauses: 0 });
    }

    expect(claimed).toMatchObject({ verdict: "claimed" });
    expect(await rowOf(db, id)).toMatchObject({ state: "claimed", flag: true });
  });
});

describe("hold", () => {
  test("does by a person's word what a changed epoch does, with an audit row each", async ({
    db,
  }) => {
    const sms = await makeNotification(db);
    const email = await makeNotification(db, { channel: "email" });
    const open = await makeNotification(db, {
      state: "claimed",
      irreversible: false,
      holderIsGone: true,
    });
    await makeNotification(db, { dueInMs: 60_000 });

    expect(await hold(db, { actor: "dba", reason: "a disk snapshot was restored" })).toBe(2);

    expect(await heldIds(db)).toEqual([sms, email]);
    expect(await claimAs(db, sms)).toMatchObject({ verdict: "held" });
    await sweep(db);
    expect(await rowOf(db, open)).toMatchObject({ state: "unknown" });
    const { rows } = await sql`
      select actor, action, notification_id::text as id, reason from oncebox.audit order by notification_id`.execute(
      db,
    );
    expect(rows).toEqual(
      [sms, email].map((id) => ({
        actor: "dba",
        action: "hold",
        id,
        reason: "a disk snapshot was restored",
      })),
    );
  });
});

describe("a copy within the same cluster", () => {
  test("by CREATE DATABASE .. TEMPLATE is known for one, though no worker ever ran in the original", async ({
    databaseUrl,
  }) => {
    const original = connect(databaseUrl);
    await register(original.db, makeLeads(2));
    await original.end();

    const name = await createDatabase(inject("serverUrl"), new URL(databaseUrl).pathname.slice(1));
    const copy = connect(urlOf(inject("serverUrl"), name));
    const ids = (
      await sql<{
        id: string;
      }>`select id::text as id from oncebox.notification order by id`.execute(copy.db)
    ).rows;
    await sweep(copy.db);

    expect(await heldIds(copy.db)).toEqual(ids.map((it) => it.id));
    await copy.end();
    await dropDatabase(inject("serverUrl"), name);
  });

  test("of a migrated database in which nothing was registered is a new one", async ({ db }) => {
    // The test's own database is such a clone.
    const leadId = await makeLead(db);
    const id = await makeNotification(db, { leadId });

    await sweep(db);

    expect(await claimAs(db, id)).toMatchObject({ verdict: "claimed" });
  });

  test("has another epoch when its tables were dropped and loaded again", async ({ db, pool }) => {
    const before = await sql`select * from oncebox.epoch()`.execute(db);
    await pool.query(`alter table oncebox.notification rename to old;
      create table oncebox.notification (like oncebox.old)`);

    const after = await sql`select * from oncebox.epoch()`.execute(db);

    expect(after.rows).not.toEqual(before.rows);
  });
});
