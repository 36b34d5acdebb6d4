import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { migrate } from "../../src/db/migrate.ts";
import { IN_FLIGHT, type Lead, type Peer } from "./contestant.ts";
import { textFor } from "./lead-table.ts";
import { onceboxMessage } from "./oncebox.ts";
import { forEachInFlight, openPost } from "./post.ts";
import { peerProgram } from "./program.ts";

const BATCH = 500;
const POLL_MS = 20;
const HOLDER = "00000000-0000-4000-8000-000000000000";

/** What oncebox keeps, with every index, and without a rule. */
const WITHOUT_RULES = `
  do $$
  declare
    statement text;
  begin
    for statement in
      select format('alter table %s drop constraint %I', conrelid::regclass, conname)
        from pg_constraint
       where contype in ('c', 'f')
         and conrelid in ('oncebox.notification'::regclass, 'oncebox.registration'::regclass, 'oncebox.attempt'::regclass)
       union all
      select format('drop trigger %I on %s', tgname, tgrelid::regclass)
        from pg_trigger
       where not tgisinternal and tgrelid = 'oncebox.notification'::regclass
    loop
      execute statement;
    end loop;
  end
  $$`;

/** Every row of a registration, one lead or many. */
const REGISTER = `
  with lead as materialized (
    select gen_random_uuid() as id, u.*
      from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) as u(name, phone, email, due_at)
  ), own as (
    insert into public.landing_leads (id, name, phone, email) select id, name, phone, email from lead
  ), registration as (
    insert into oncebox.registration (lead_id, source, idempotency_key, kind, data, fingerprint)
    select id, 'default', 'form-' || phone, 'proftest', '{}', sha256(convert_to(phone, 'UTF8')) from lead
  ), notification as (
    insert into oncebox.notification (lead_id, channel, kind, recipient, due_at)
    select l.id, c.channel, 'proftest', c.recipient, l.due_at
      from lead as l
     cross join lateral (values ('sms', l.phone), ('email', l.email)) as c(channel, recipient)
     where c.recipient is not null
    returning id, channel, due_at
  )
  insert into graphile_worker._private_jobs (task_id, payload, run_at, key)
  select t.id, json_build_object('id', n.id::text), n.due_at, 'oncebox:' || n.id
    from notification as n
    join graphile_worker._private_tasks as t on t.identifier = 'oncebox_' || n.channel`;

/** The flag, the claim and its attempt. */
const CLAIM = `
  with due as materialized (
    select id, lead_id, ctid as place from oncebox.notification
     where state = 'pending' and due_at <= now()
     order by due_at limit ${BATCH} for update skip locked
  ), flag as (
    update public.landing_leads as l set sms_sent = true
      from due where l.id = due.lead_id and l.sms_sent is not true
  ), claim as (
    update oncebox.notification as n
       set state = 'claimed', attempt = n.attempt + 1, worker_id = '${HOLDER}', claim_token = gen_random_uuid(),
           lease_until = now() + interval '5 minutes', body = '${textFor("Айгерим")}', segments = 1
      from due where n.ctid = due.place
    returning n.id, n.attempt, n.recipient, n.body
  ), attempt as (
    insert into oncebox.attempt (notification_id, attempt, worker_id, deadline_at, sending_at)
    select id, attempt, '${HOLDER}', now() + interval '1 minute', now() from claim
  )
  select id, recipient, body from claim`;

/** The outcome, where it is kept, and no job any more. */
const SETTLE = `
  with sent as materialized (
    select n.id, n.ctid as place, a.ctid as attempt_place, l.ctid as lead_place
      from unnest($1::bigint[]) as u(id)
     cross join lateral (select ctid, id, lead_id, attempt from oncebox.notification where id = u.id offset 0) as n
     cross join lateral (
       select ctid from oncebox.attempt where notification_id = n.id and attempt = n.attempt offset 0
     ) as a
     cross join lateral (select ctid from public.landing_leads where id = n.lead_id offset 0) as l
  ), attempt as (
    update oncebox.attempt as a set outcome = 'accepted', ended_at = now(), provider_ref = 'r' || sent.id
      from sent where a.ctid = sent.attempt_place
  ), notification as (
    update oncebox.notification as n
       set state = 'sent', lease_until = null, provider_ref = 'r' || sent.id,
           delivery_look_at = now() + interval '1 minute', settled_at = now()
      from sent where n.ctid = sent.place
  ), lead as (
    update public.landing_leads as l set sms_sent_at = now() from sent where l.ctid = sent.lead_place
  )
  delete from graphile_worker._private_jobs as j using sent where j.key = 'oncebox:' || sent.id`;

interface Claimed {
  readonly id: string;
  readonly recipient: string;
  readonly body: string;
}

/**
 * The most that oncebox could reach with the rows that it keeps: these are written in as few statements as can be,
 * and nothing is checked, rendered, fenced or asked. Of no use but to be measured.
 */
export const rowsAlone: Peer = {
  name: "rows-alone",
  title: "limit: oncebox's rows alone",
  settings: { batch: BATCH, "in flight": IN_FLIGHT, "polls when idle, every ms": POLL_MS },
  async prepare(pool) {
    await migrate(pool);
    await pool.query(WITHOUT_RULES);
  },
  async openSender() {
    return {
      registerOne: (client, lead) => register(client, [lead]),
      registerMany: register,
      async [Symbol.asyncDispose]() {},
    };
  },
  copies: onceboxMessage.copies,
  worker: (place) => peerProgram(rowsAlone.name, place),

  async work({ databaseUrl, gatewayUrl }) {
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 3 });
    const { post, close } = openPost(gatewayUrl);
    let isStopping = false;
    const claim = async () => {
      const { rows } = await pool.query<Claimed>({ name: "claim", text: CLAIM });
      return rows;
    };
    const settle = async (rows: readonly Claimed[]) => {
      if (rows.length === 0) return;
      await pool.query({ name: "settle", text: SETTLE, values: [rows.map((it) => it.id)] });
    };
    // One batch is posted while the next one is claimed and the last one is settled.
    const loop = async () => {
      let claimed = await claim();
      let settling = Promise.resolve();
      while (claimed.length > 0 || !isStopping) {
        const next = isStopping ? Promise.resolve([]) : claim();
        await forEachInFlight(claimed, ({ recipient, body }) => post(recipient, body));
        await settling;
        settling = settle(claimed);
        if (claimed.length < BATCH) await sleep(POLL_MS);
        claimed = await next;
      }
      await settling;
    };
    const looping = loop();
    return {
      async stop() {
        isStopping = true;
        await looping;
        await Promise.all([pool.end(), close()]);
      },
    };
  },
};

async function register(client: pg.ClientBase, leads: readonly Lead[]): Promise<void> {
  await client.query({
    name: "register",
    text: REGISTER,
    values: [
      leads.map((it) => it.name),
      leads.map((it) => it.phone),
      leads.map((it) => it.email),
      leads.map((it) => it.dueAt),
    ],
  });
}
