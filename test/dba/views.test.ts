import { readdirSync } from "node:fs";
import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import { readHealth } from "../../src/inspect/health.ts";
import { cancel } from "../../src/outbox/person.ts";
import { sweep } from "../../src/outbox/sweep.ts";
import { test } from "../support/fixture.ts";
import { makeLead, makeNotification, makeWorker } from "../support/make.ts";

/** Their names say all there is to say. */
const OBVIOUS = new Set(
  ["id", "lead_id", "notification_id", "channel", "kind", "state", "created_at", "version"]
    .concat(["pending", "claimed", "sent", "cancelled", "started_at", "worker_id", "at", "detail"])
    .concat(["held_sms", "held_email", "oldest_held_sms_due_at", "oldest_held_email_due_at"]),
);

const VIEWS = readdirSync(new URL("../../sql/views/", import.meta.url)).map((it) =>
  it.replace(".sql", ""),
);

async function rowsOf<T extends object>(db: Kysely<unknown>, query: string): Promise<T[]> {
  return (await sql.raw<T>(query).execute(db)).rows;
}

describe("every view", () => {
  test("is there by the name of its file, and says what it is and what its columns mean", async ({
    db,
  }) => {
    const columns = await rowsOf<{ view: string; about: string; column: string; says: string }>(
      db,
      `select c.relname as view, obj_description(c.oid, 'pg_class') as about,
              a.attname as "column", col_description(c.oid, a.attnum) as says
         from pg_class as c
         join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
        where c.relnamespace = 'oncebox'::regnamespace and c.relkind = 'v'`,
    );

    const silent = columns.filter((it) => it.says === null && !OBVIOUS.has(it.column));

    expect([...new Set(columns.map((it) => it.view))].sort()).toEqual(VIEWS.toSorted());
    expect(columns.filter((it) => it.about === null)).toEqual([]);
    expect(silent.map((it) => `${it.view}.${it.column}`)).toEqual([]);
  });

  test("stands beside tables that explain themselves, too", async ({ db }) => {
    const silent = await rowsOf<{ name: string }>(
      db,
      `select c.relname as name
         from pg_class as c
        where c.relnamespace = 'oncebox'::regnamespace and c.relkind = 'r'
          and c.relname not in ('migration', 'migration_lock')
          and obj_description(c.oid, 'pg_class') is null
       union all
       select c.relname || '.' || a.attname
         from pg_class as c
         join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'oncebox'::regnamespace and c.relkind = 'r'
          and c.relname not in ('migration', 'migration_lock')
          and col_description(c.oid, a.attnum) is null
          and a.attname <> all ('{${[...OBVIOUS].join(",")},body}')`,
    );

    expect(silent.map((it) => it.name)).toEqual([]);
  });

  test("shows nobody's name, number, address or text", async ({ db }) => {
    const personal = ["Сапаргуль", "77019998877", "sapargul", "Секретный", "Тайна"];
    const leadId = await makeLead(db, {
      name: "Сапаргуль",
      phone: "+77019998877",
      email: "sapargul@example.kz",
    });
    await sql`
      insert into oncebox.registration (lead_id, source, idempotency_key, kind, data, fingerprint, repeats)
      values (${leadId}, 'form', '+77019998877', 'proftest', '{"result": "Секретный"}', '', 1)`.execute(
      db,
    );
    await sql`
      insert into oncebox.notification (lead_id, channel, subject, body)
      values (${leadId}, 'sms', null, 'Секретный'), (${leadId}, 'email', 'Тайна', 'Секретный')`.execute(
      db,
    );
    await makeNotification(db, { leadId: await makeLead(db), state: "claimed" });
    await makeNotification(db, { leadId: await makeLead(db), dueInMs: 120_000 });
    await sql`select oncebox.make_token('site', sha256('secret'), '{write}', 'form', null, 'test')`.execute(
      db,
    );
    await sql`
      update oncebox.notification set delivery = 'UNDELIV'
       where id = ${await makeNotification(db, { leadId: await makeLead(db), state: "sent" })}::bigint`.execute(
      db,
    );
    await sql`select oncebox.reveal(${leadId}::uuid, 'test', 'she called')`.execute(db);
    await sql`
      update oncebox.notification
         set state = 'sent', settled_at = now()
       where lead_id = ${leadId} and channel = 'sms'`.execute(db);
    await sql`
      with tried as (
        insert into oncebox.attempt (notification_id, attempt, worker_id, ended_at, outcome)
        select id, 1, gen_random_uuid(), now(), 'accepted' from oncebox.notification where lead_id = ${leadId}
        returning notification_id)
      insert into oncebox.lookup (notification_id, attempt, worker_id, finding, verdict)
      select notification_id, 1, gen_random_uuid(), 'sent', 'sent' from tried`.execute(db);

    for (const view of VIEWS) {
      const shown = JSON.stringify(await rowsOf(db, `select * from oncebox.${view}`));
      expect(shown.length, view).toBeGreaterThan(2);
      expect(
        personal.filter((it) => shown.includes(it)),
        view,
      ).toEqual([]);
    }
  });
});

describe("oncebox.health", () => {
  test("counts as alive only the workers whose lock is held", async ({ db }) => {
    await makeWorker(db);
    await makeWorker(db, { isGone: true });

    expect(await rowsOf(db, "select workers, workers_alive from oncebox.health")).toEqual([
      { workers: "2", workers_alive: "1" },
    ]);
    expect(await readHealth(db)).toMatchObject({ workers: 1 });
  });

  test("knows when a worker last swept, and a sweep right after leaves the mark as it is", async ({
    db,
  }) => {
    const lastSweep = () =>
      rowsOf<{ at: Date }>(db, "select last_sweep_at as at from oncebox.health");
    expect(await lastSweep()).toEqual([{ at: null }]);

    await sweep(db);
    const first = await lastSweep();
    await sweep(db);

    expect(first).toEqual([{ at: expect.any(Date) }]);
    expect(await lastSweep()).toEqual(first);
    await sql`update oncebox.last_sweep set at = at - interval '6 seconds'`.execute(db);
    await sweep(db);
    expect((await lastSweep())[0]?.at.getTime()).toBeGreaterThan(first[0]?.at.getTime() ?? 0);
  });

  test("does not keep a sweep waiting for another's mark", async ({ db, pool }) => {
    const other = await pool.connect();
    await other.query("begin; select from oncebox.last_sweep for update");
    await sql`set lock_timeout = '2s'`.execute(db);

    expect(await sweep(db)).toEqual([]);

    await other.query("rollback");
    other.release();
  });
});

describe("oncebox.workers and oncebox.claims", () => {
  test("show who holds what, and whether the holder is alive", async ({ db }) => {
    const alive = await makeNotification(db, { state: "claimed" });
    const gone = await makeNotification(db, {
      state: "claimed",
      channel: "email",
      holderIsGone: true,
      irreversible: false,
    });
    await makeNotification(db, { state: "sent" });

    const claims = await rowsOf(
      db,
      `select notification_id::text as id, is_holder_present as alive, sending_at is not null as sending
         from oncebox.claims order by notification_id`,
    );
    const workers = await rowsOf(
      db,
      `select is_present, claims, oldest_lease_until is not null as has_lease
         from oncebox.workers order by started_at`,
    );

    expect(claims).toEqual([
      { id: alive, alive: true, sending: true },
      { id: gone, alive: false, sending: false },
    ]);
    expect(workers).toEqual([
      { is_present: true, claims: "1", has_lease: true },
      { is_present: false, claims: "1", has_lease: true },
      { is_present: true, claims: "0", has_lease: false },
    ]);
  });
});

describe("oncebox.lead_history", () => {
  test("tells everything that happened for one lead, in order, and nothing of others", async ({
    db,
  }) => {
    const leadId = await makeLead(db);
    await makeNotification(db, { leadId, state: "sent", attempt: 2 });
    const email = await makeNotification(db, { leadId, channel: "email" });
    await cancel(db, { notificationId: email, actor: "dba", reason: "asked by phone" });
    await makeNotification(db, { state: "sent" });

    const history = await rowsOf<{ event: string; channel: string; by: string; detail: string }>(
      db,
      `select event, channel, by, detail from oncebox.lead_history
        where lead_id = '${leadId}' order by at, notification_id, detail`,
    );

    expect(history.map((it) => it.event).toSorted()).toEqual(
      ["registered", "planned", "planned", "claimed", "claimed", "not_sent", "accepted"]
        .concat(["cancel", "is cancelled", "is sent"])
        .toSorted(),
    );
    expect(history[0]).toMatchObject({ event: "registered", channel: null });
    expect(history).toContainEqual({
      ...{ event: "cancel", channel: "email", by: "dba" },
      detail: "pending -> cancelled: asked by phone",
    });
    expect(history).toContainEqual(
      expect.objectContaining({ event: "planned", detail: "for +7777•••••67" }),
    );
  });
});

describe("oncebox.sends_per_hour and sends_per_day", () => {
  test("count how attempts ended, by channel", async ({ db }) => {
    await makeNotification(db, { state: "sent", attempt: 3 });
    await makeNotification(db, { state: "unknown" });
    await makeNotification(db, { state: "failed", channel: "email" });
    await makeNotification(db, { state: "claimed" });

    for (const view of ["sends_per_hour", "sends_per_day"]) {
      const counted = await rowsOf(
        db,
        `select channel, sum(attempts)::int as attempts, sum(accepted)::int as accepted,
                sum(rejected)::int as rejected, sum(not_sent)::int as not_sent,
                sum(in_doubt)::int as in_doubt
           from oncebox.${view} group by channel order by channel`,
      );

      const none = { attempts: 0, accepted: 0, rejected: 0, not_sent: 0, in_doubt: 0 };
      expect(counted, view).toEqual([
        { ...none, channel: "email", attempts: 1, rejected: 1 },
        { ...none, channel: "sms", attempts: 4, accepted: 1, not_sent: 2, in_doubt: 1 },
      ]);
    }
  });
});

describe("oncebox.sms_cost", () => {
  test("adds up the parts of what was sent, and of nothing else", async ({ db }) => {
    await makeNotification(db, { state: "sent", body: "т".repeat(71) });
    await makeNotification(db, { state: "sent", body: "t".repeat(71) });
    await makeNotification(db, { state: "sent", body: null });
    await makeNotification(db, { state: "failed" });
    await makeNotification(db, { state: "sent", channel: "email" });

    expect(
      await rowsOf(db, "select messages, segments, longest, without_text from oncebox.sms_cost"),
    ).toEqual([{ messages: "3", segments: "3", longest: 2, without_text: "1" }]);
  });

  const cases: ReadonlyArray<[what: string, body: string, segments: number]> = [
    ["160 Latin characters", "a".repeat(160), 1],
    ["161 Latin characters", "a".repeat(161), 2],
    ["306 Latin characters", "a".repeat(306), 2],
    ["307 Latin characters", "a".repeat(307), 3],
    [
      "every character of the GSM alphabet",
      `@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,-./09:;<=>?¡AZÄÖÑÜ§¿azäöñüà${"a".repeat(80)}`,
      1,
    ],
    ["80 euro signs, two each", "€".repeat(80), 1],
    ["81 backslashes, two each", "\\".repeat(81), 2],
    ["a backtick, which GSM has not", `\`${"a".repeat(70)}`, 2],
    ["70 Cyrillic letters", "я".repeat(70), 1],
    ["71 Cyrillic letters", "я".repeat(71), 2],
    ["134 Cyrillic letters", "я".repeat(134), 2],
    ["135 Cyrillic letters", "я".repeat(135), 3],
    ["one Kazakh letter among Latin ones", `ә${"a".repeat(70)}`, 2],
    ["35 emoji, two each", "😀".repeat(35), 1],
    ["36 emoji, two each", "😀".repeat(36), 2],
  ];
  test("counts the parts as they are paid", async ({ db }) => {
    for (const [what, body, segments] of cases) {
      const { rows } = await sql`select oncebox.sms_segments(${body}) as segments`.execute(db);

      expect(rows, what).toEqual([{ segments }]);
    }
  });
});
