import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Kysely, sql } from "kysely";
import pg from "pg";
import { describe, expect } from "vitest";
import { test as base } from "../support/fixture.ts";
import { makeLeads, register } from "../support/leads.ts";
import { claimAs, makeLead, makeNotification, makeWorker } from "../support/make.ts";
import { until } from "../support/until.ts";
import { NO_PSQL, psql } from "./support/psql.ts";

const FOLDER = new URL("../../sql/inspect/", import.meta.url);
const FILES = readdirSync(FOLDER).toSorted();

const test = base.extend<{ readonly connect: () => Promise<pg.Client> }>({
  /** A session of its own, cut after the test whatever it holds. */
  connect: async ({ databaseUrl }, use) => {
    const clients: pg.Client[] = [];
    await use(async () => {
      const client = new pg.Client({ connectionString: databaseUrl });
      client.on("error", () => {});
      clients.push(client);
      await client.connect();
      return client;
    });
    await Promise.all(clients.map((it) => it.end()));
  },
});

/** Runs a file as it is, in a session that may only read; answers the rows, their columns between "|". */
async function ask(
  databaseUrl: string,
  file: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const ended = await psql(
    databaseUrl,
    [
      ...["--tuples-only", "--no-align"],
      ...Object.entries(variables).flatMap(([name, value]) => ["--set", `${name}=${value}`]),
      ...["--file", fileURLToPath(new URL(file, FOLDER))],
    ],
    { PGOPTIONS: "-c default_transaction_read_only=on" },
  );
  expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
  return ended.stdout.split("\n").filter((it) => it !== "");
}

/** Some sent, some in the future, one being sent by a worker that lives. */
async function makeWell(db: Kysely<unknown>): Promise<void> {
  await register(db, makeLeads(3, { dueAt: new Date(Date.now() + 3_600_000) }));
  for (const channel of ["sms", "email"] as const) {
    await makeNotification(db, {
      leadId: await makeLead(db, { phone: "+77012223344", email: "well@example.kz" }),
      ...{ channel, state: "sent", attempt: 2, draft: channel === "sms" },
    });
  }
  await makeNotification(db, { state: "claimed" });
  // Its job is left to run for nothing when it would have been due.
  await sql`select oncebox.cancel(min(id), 'dba', 'a test') from oncebox.notification where state = 'pending'`.execute(
    db,
  );
}

interface Case {
  readonly file: string;
  readonly finds: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Puts the database into the state, and answers what a row must hold to be the one. */
  readonly make: (
    db: Kysely<unknown>,
    pool: pg.Pool,
    connect: () => Promise<pg.Client>,
  ) => Promise<readonly string[]>;
}

const MINUTES_AGO = -5 * 60_000;

const CASES: readonly Case[] = [
  {
    file: "what_is_stuck.sql",
    finds: "what is due while no worker is alive",
    make: async (db) => [
      await makeNotification(db, { dueInMs: MINUTES_AGO, attempt: 1, holderIsGone: true }),
      "no worker is alive",
    ],
  },
  {
    file: "what_is_stuck.sql",
    finds: "what waits for a paused channel",
    make: async (db) => {
      await makeWorker(db);
      await sql`select oncebox.pause_channel('sms', '1 hour', 'no_money', 0)`.execute(db);
      return [await makeNotification(db, { dueInMs: MINUTES_AGO }), "no_money"];
    },
  },
  {
    file: "what_is_stuck.sql",
    finds: "what is held after time travel",
    make: async (db) => [
      await makeNotification(db, { dueInMs: MINUTES_AGO, isHeld: true }),
      "held: compare",
    ],
  },
  {
    file: "what_is_stuck.sql",
    finds: "what lost its job",
    make: async (db) => {
      await makeWorker(db);
      const id = await makeNotification(db, { dueInMs: MINUTES_AGO });
      await sql`delete from graphile_worker._private_jobs`.execute(db);
      return [id, "no job"];
    },
  },
  {
    file: "what_is_stuck.sql",
    finds: "a claim whose holder is gone",
    make: async (db) => [
      await makeNotification(db, { state: "claimed", holderIsGone: true }),
      "its holder is gone",
    ],
  },
  {
    file: "what_is_stuck.sql",
    finds: "a claim whose lease ran out while its holder lives",
    make: async (db) => [
      await makeNotification(db, { state: "claimed", leaseMs: -1_000 }),
      "its holder hangs",
    ],
  },
  {
    file: "what_is_unknown.sql",
    finds: "an SMS that the provider is asked about",
    make: async (db) => {
      const id = await makeNotification(db, { state: "unknown" });
      await sql`
        insert into oncebox.lookup (notification_id, attempt, worker_id, finding, verdict)
        values (${id}, 1, gen_random_uuid(), 'undecided', 'later')`.execute(db);
      return [id, "|1|undecided|", "is being asked"];
    },
  },
  {
    file: "what_is_unknown.sql",
    finds: "an email, for which a person has to look",
    make: async (db) => [
      await makeNotification(db, { state: "unknown", channel: "email" }),
      "a•••@example.kz",
      "SMTP cannot be asked",
    ],
  },
  {
    file: "did_anyone_get_two.sql",
    finds: "two attempts that the provider took",
    make: async (db) => {
      const id = await makeNotification(db, { state: "sent", attempt: 2, draft: true });
      await sql`
        update oncebox.attempt set outcome = 'unknown', code = 'accepted_twice'
         where notification_id = ${id} and attempt = 1`.execute(db);
      return ["two|", id];
    },
  },
  {
    file: "did_anyone_get_two.sql",
    finds: "one that was sent again after it may have gone out, and on what grounds",
    make: async (db) => {
      const id = await makeNotification(db, { state: "sent", attempt: 2 });
      await sql`
        update oncebox.attempt set outcome = 'swept' where notification_id = ${id} and attempt = 1`.execute(
        db,
      );
      await sql`
        insert into oncebox.lookup (notification_id, attempt, worker_id, finding, verdict)
        values (${id}, 1, gen_random_uuid(), 'absent', 'pending')`.execute(db);
      return ["perhaps|", id, "attempt 1: absent, so pending"];
    },
  },
  {
    file: "did_anyone_get_two.sql",
    finds: "one person in two leads, masked",
    make: async (db) => {
      const first = await makeNotification(db, { state: "sent" });
      return ["two leads|", first, await makeNotification(db, { state: "sent" }), "+7777•••••67"];
    },
  },
  {
    file: "what_did_this_person_get.sql",
    finds: "by a number in any form what was sent to it",
    variables: { person: "8 (777) 123-45-67" },
    make: async (db) => [
      await makeNotification(db, { leadId: await makeLead(db), state: "sent" }),
      "|accepted|",
    ],
  },
  {
    file: "what_did_this_person_get.sql",
    finds: "by a number as an old backend wrote it, and by an address",
    variables: { person: "A@Example.kz" },
    make: async (db) => [
      await makeLead(db, { phone: "8-777-123", email: "a@example.KZ" }),
      "|registered|",
    ],
  },
  {
    file: "backlog_by_minute.sql",
    finds: "what is waiting since minutes, and what of it is held",
    make: async (db) => {
      await makeNotification(db, { dueInMs: MINUTES_AGO, leadId: await makeLead(db) });
      await sql`
        insert into oncebox.notification (lead_id, channel, due_at, is_held)
        select lead_id, 'email', due_at, true from oncebox.notification`.execute(db);
      await sql`
        insert into oncebox.notification (lead_id, channel, kind, due_at)
        select lead_id, 'sms', 'other', due_at from oncebox.notification where channel = 'sms'`.execute(
        db,
      );
      return ["|sms|2|0|0|"];
    },
  },
  {
    file: "jobs_and_rows.sql",
    finds: "a pending row without a job",
    make: async (db) => {
      const id = await makeNotification(db, { dueInMs: 60_000 });
      await sql`delete from graphile_worker._private_jobs`.execute(db);
      return [`no job|${id}|`];
    },
  },
  {
    file: "jobs_and_rows.sql",
    finds: "a job without a row",
    make: async (db) => {
      await sql`
        select graphile_worker.add_job('oncebox_sms', '{"id": "4711"}', job_key => 'oncebox:4711')`.execute(
        db,
      );
      return ["no notification|4711|"];
    },
  },
  {
    file: "jobs_and_rows.sql",
    finds: "a job that has failed for good",
    make: async (db) => {
      const id = await makeNotification(db);
      await sql`update graphile_worker._private_jobs set attempts = max_attempts`.execute(db);
      return [`failed for good|${id}|`];
    },
  },
  {
    file: "jobs_and_rows.sql",
    finds: "a job of a final row that should have run",
    make: async (db) => {
      const id = await makeNotification(db, { state: "sent" });
      await sql`
        select graphile_worker.add_job('oncebox_sms', job_key => ${`oncebox:${id}`},
                                       run_at => now() - interval '5 minutes')`.execute(db);
      return [`nothing to do|${id}|`];
    },
  },
  {
    file: "jobs_and_rows.sql",
    finds: "a job that a worker took long ago and never gave back",
    make: async (db) => {
      const id = await makeNotification(db);
      await sql`
        update graphile_worker._private_jobs
           set locked_at = now() - interval '2 hours', locked_by = 'worker-of-long-ago'`.execute(
        db,
      );
      return [`taken long ago|${id}|`];
    },
  },
  {
    file: "bloat_and_dead_rows.sql",
    finds: "a table full of dead rows",
    make: async (db, pool) => {
      await pool.query(`
        alter table oncebox.audit set (autovacuum_enabled = false);
        insert into oncebox.audit (actor, action, notification_id, from_state, to_state, reason)
        select 'dba', 'retry', ${await makeNotification(db, { dueInMs: 3_600_000 })}, 'pending', 'pending', 'a test'
          from generate_series(1, 2000);
        delete from oncebox.audit where id % 2 = 0`);
      await until("the statistics know", async () => {
        const { rows } = await pool.query(
          "select pg_stat_force_next_flush(), n_dead_tup from pg_stat_user_tables where relname = 'audit'",
        );
        return Number(rows[0]?.n_dead_tup) >= 1000;
      });
      return ["oncebox.audit|1000|1000|50|"];
    },
  },
  {
    file: "bloat_and_dead_rows.sql",
    finds: "a transaction that keeps old rows alive",
    variables: { older_than: "0 seconds" },
    make: async (_db, _pool, connect) => {
      const client = await connect();
      await client.query("begin isolation level repeatable read; select from oncebox.setting");
      const { rows } = await client.query("select pg_backend_pid() as pid");
      return [`transaction|${rows[0].pid}|`];
    },
  },
  {
    file: "slow_claims.sql",
    finds: "the minute in which a claim came late",
    make: async (db) => {
      const id = await makeNotification(db, { dueInMs: MINUTES_AGO });
      await claimAs(db, id);
      return ["|sms|1|1|", "00:05:0"];
    },
  },
  {
    file: "locks_held.sql",
    finds: "who waits for a lock on our tables, and for whom",
    make: async (db, pool, connect) => {
      const id = await makeNotification(db, { dueInMs: 3_600_000 });
      const holder = await connect();
      const { rows } = await holder.query<{ pid: number }>("select pg_backend_pid() as pid");
      await holder.query(`begin; select from oncebox.notification where id = ${id} for update`);
      const waiter = await connect();
      // Goes through once the holder's session has ended.
      void waiter.query(`select oncebox.cancel(${id}, 'dba', 'a test')`).catch(() => {});
      await until("it waits", async () => {
        const waiting = await pool.query(
          "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
        );
        return waiting.rowCount === 1;
      });
      return [`|{${rows[0]?.pid}}|`, "oncebox.notification: RowShareLock"];
    },
  },
  {
    file: "locks_held.sql",
    finds: "a transaction that somebody left open",
    variables: { older_than: "0 seconds" },
    make: async (_db, _pool, connect) => {
      const client = await connect();
      const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
      await client.query("begin; update public.landing_leads set name = name");
      return [`${rows[0]?.pid}|`, "|idle in transaction|", "landing_leads: RowExclusiveLock"];
    },
  },
  {
    file: "index_use.sql",
    finds: "an index that was built half-way",
    make: async (_db, pool) => {
      await pool.query("insert into public.landing_leads (name) values ('one'), ('one')");
      await expect(
        pool.query("create unique index concurrently half_built on public.landing_leads (name)"),
      ).rejects.toMatchObject({ code: "23505" });
      return ["invalid|", "half_built|"];
    },
  },
  {
    file: "index_use.sql",
    finds: "an index that nothing uses",
    variables: { at_least: "16 kB" },
    make: async (_db, pool) => {
      await pool.query(`
        create index never_asked on public.landing_leads (name);
        insert into public.landing_leads (name) select 'lead ' || n from generate_series(1, 2000) as n`);
      return ["unused|never_asked|landing_leads|"];
    },
  },
  {
    file: "index_use.sql",
    finds: "a large table that is read whole again and again",
    make: async (_db, pool) => {
      await pool.query(
        "insert into public.landing_leads (name) select 'x' from generate_series(1, 10000)",
      );
      await pool.query(`do $$
        begin
          for n in 1 .. 101 loop
            perform from public.landing_leads where phone = 'nobody';
          end loop;
        end $$`);
      await until("the statistics know", async () => {
        const { rows } = await pool.query(
          `select pg_stat_force_next_flush(), seq_scan, n_live_tup from pg_stat_user_tables
            where relname = 'landing_leads'`,
        );
        return Number(rows[0]?.seq_scan) > 100 && Number(rows[0]?.n_live_tup) >= 10_000;
      });
      return ["read whole|landing_leads|"];
    },
  },
];

describe.skipIf(NO_PSQL)("sql/inspect", () => {
  for (const { file, finds, variables, make } of CASES) {
    test(`${file} finds ${finds}, in one row`, async ({ databaseUrl, db, pool, connect }) => {
      const wanted = await make(db, pool, connect);

      const rows = await ask(databaseUrl, file, variables);

      const found = rows.filter((row) => wanted.every((it) => row.includes(it)));
      expect(found, `${rows.join("\n")} for ${wanted.join(" ")}`).toHaveLength(1);
    });
  }

  test("finds nothing where all is well", async ({ databaseUrl, db }) => {
    await makeWell(db);

    for (const file of FILES) {
      expect([file, await ask(databaseUrl, file, { person: "+77051112233" })]).toEqual([file, []]);
    }
  });

  test("says how to ask for a person when none is given", async ({ databaseUrl }) => {
    expect(await ask(databaseUrl, "what_did_this_person_get.sql")).toEqual([
      "Say who: psql -v person='+7 777 123 45 67' -f what_did_this_person_get.sql",
    ]);
  });
});

describe("every file of sql/inspect", () => {
  for (const file of FILES) {
    test(`${file} begins with its question, and says how to read it, what next, and what it costs`, () => {
      const text = readFileSync(new URL(file, FOLDER), "utf8");
      const header = text.split(/^(?!--)/m)[0] ?? "";

      expect(header).toMatch(/^-- [A-Z][^\n]*\?\n--\n/);
      for (const part of ["Read", "Next", "Cost", "Needs"]) {
        expect(header).toMatch(new RegExp(`^-- ${part.padEnd(6)} \\S`, "m"));
      }
    });

    test(`${file} is tried above, and named in docs/dba.md`, () => {
      expect(CASES.map((it) => it.file)).toContain(file);
      expect(readFileSync(new URL("../../docs/dba.md", import.meta.url), "utf8")).toContain(file);
    });
  }
});
