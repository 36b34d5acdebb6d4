import { type Kysely, sql } from "kysely";
import { makeWorkerName, signOn } from "../../../src/outbox/worker-row.ts";

/**
 * An outbox as it looks on a busy day: an hour of sends, an hour ahead, some that failed, three in doubt,
 * people who acted. Nothing in it is due, so that a worker beside it leaves it as it is.
 */
export async function seedBusyHour(db: Kysely<unknown>): Promise<void> {
  const gone = makeWorkerName();
  await signOn(db, gone, "0.1.0");
  await sql`
    create temporary table seed_row on commit drop as
    select minute, n,
           case when (n + minute) % 3 = 0 then 'email' else 'sms' end                            as channel,
           (array['Айгерим', 'Данияр', 'Мадина', 'Тимур', 'Алия', 'Санжар', 'Камила', 'Арман'])[1 + (minute * 7 + n) % 8] as name,
           gen_random_uuid()                                                                      as lead_id,
           minute * 1000 + n                                                                      as number
      from generate_series(-58, 59) as minute
     cross join lateral generate_series(1, (16 + 9 * sin(minute / 9.0) + (minute * 13) % 6)::integer) as n`.execute(
    db,
  );
  await sql`
    insert into public.landing_leads (id, name, phone, email, created_at)
    select lead_id, name, '+7701' || lpad((5000000 + number)::text, 7, '0'), 'lead' || (100000 + number) || '@example.kz',
           now() + minute * interval '1 minute' - interval '10 minutes'
      from seed_row`.execute(db);
  await sql`
    insert into oncebox.registration (lead_id, source, kind, data, fingerprint, created_at, repeats)
    select lead_id, (array['proftest', 'landing', 'partner'])[1 + abs(number) % 3], 'proftest', '{}', decode(md5(lead_id::text), 'hex'),
           now() + minute * interval '1 minute' - interval '10 minutes',
           case when minute < 0 and n % 11 = 0 then 1 else 0 end
      from seed_row`.execute(db);
  await sql`
    insert into oncebox.notification
      (lead_id, channel, recipient, subject, body, state, state_reason, attempt, worker_id, due_at, settled_at,
       provider_ref, delivery, created_at)
    select s.lead_id, s.channel, case s.channel when 'sms' then l.phone else l.email end,
           case s.channel when 'email' then 'Ваш результат' end, s.name || ', ваш результат готов: https://example.kz/r/1',
           o.state, case o.state when 'failed' then case s.channel when 'sms' then '5' else '550' end
                                 when 'cancelled' then 'already_sent' end,
           case when o.state = 'cancelled' then 0 else 1 end, case when o.state <> 'cancelled' then ${gone.id}::uuid end,
           o.at - o.lag, o.at + interval '0.2 seconds',
           case when o.state = 'sent' and s.channel = 'sms' then (27000000 + s.number)::text end,
           case when o.state = 'sent' and s.channel = 'sms' then case when s.n % 13 = 0 then 'UNDELIV' when s.minute > -4 then 'ACCEPTD' else 'DELIVRD' end end,
           o.at - interval '10 minutes'
      from seed_row as s
      join public.landing_leads as l on l.id = s.lead_id
     cross join lateral (
       select date_trunc('minute', now()) + s.minute * interval '1 minute' + s.n * interval '2 seconds' as at,
              case when s.n = 7 and s.minute % 9 = 0 then 'failed' when s.n = 5 and s.minute % 4 = 0 then 'cancelled' else 'sent' end as state,
              (0.28 + 0.02 * (s.n % 9) + case when s.minute between -34 and -29 and s.n % 5 = 0 then 2.1 else 0 end) * interval '1 second' as lag
     ) as o
     where s.minute < 0`.execute(db);
  await sql`
    insert into oncebox.attempt (notification_id, attempt, worker_id, started_at, deadline_at, sending_at, ended_at, outcome, code, detail)
    select n.id, 1, ${gone.id}, n.due_at, n.due_at + interval '1 minute', n.due_at, n.settled_at,
           case n.state when 'sent' then 'accepted' else 'rejected' end,
           case n.state when 'failed' then n.state_reason end,
           case n.state when 'failed' then case n.channel when 'sms' then 'the recipient is in the stop list' else 'mailbox unavailable' end end
      from oncebox.notification as n
     where n.state in ('sent', 'failed')`.execute(db);
  await sql`
    update public.landing_leads as l
       set sms_sent = n.channel = 'sms', sms_sent_at = case n.channel when 'sms' then n.settled_at end,
           email_sent = n.channel = 'email', email_sent_at = case n.channel when 'email' then n.settled_at end
      from oncebox.notification as n
     where n.lead_id = l.id and n.state = 'sent'`.execute(db);
  await sql`
    update oncebox.channel
       set balance = 18450, balance_currency = 'KZT', balance_at = now(), balance_look_at = now() + interval '1 day',
           segment_price = 19
     where channel = 'sms'`.execute(db);
  await sql`
    insert into oncebox.notification (lead_id, channel, due_at, created_at)
    select lead_id, channel, now() + minute * interval '1 minute' + interval '90 seconds' + n * interval '2 seconds', now()
      from seed_row where minute >= 0`.execute(db);
}

/** What nobody can tell, and a person has to. Not asked for again by itself, so that it stays. */
export async function seedDoubts(db: Kysely<unknown>): Promise<void> {
  const gone = makeWorkerName();
  await signOn(db, gone, "0.1.0");
  for (const [minutes, channel] of [
    [14, "sms"],
    [9, "email"],
    [6, "sms"],
  ] as const) {
    const ago = sql`now() - ${`${minutes} minutes`}::interval`;
    const { rows } = await sql<{ id: string }>`
      with lead as (
        insert into public.landing_leads (name, phone, email, created_at, sms_sent, email_sent)
        values ('Алихан', ${`+7701900${String(minutes).padStart(4, "0")}`}, ${`alikhan${minutes}@example.kz`},
                ${ago} - interval '10 minutes', ${channel === "sms"}, ${channel === "email"})
        returning id)
      insert into oncebox.notification
        (lead_id, channel, subject, body, state, state_reason, attempt, worker_id, due_at, campaign_id, message_id)
      select id, ${channel}, ${channel === "email" ? "Ваш результат" : null}, 'Алихан, ваш результат готов', 'unknown',
             ${channel === "sms" ? "UND_ERR_SOCKET" : "ETIMEDOUT"}, 1, ${gone.id}, ${ago},
             ${channel === "sms" ? `71${minutes}04` : null}, ${channel === "sms" ? `28${minutes}117` : null}
        from lead
      returning id::text`.execute(db);
    const id = rows[0]?.id;
    await sql`
      insert into oncebox.attempt (notification_id, attempt, worker_id, started_at, deadline_at, sending_at, ended_at, outcome, code, detail)
      values (${id}, 1, ${gone.id}, ${ago}, ${ago} + interval '1 minute', ${ago}, ${ago} + interval '31 seconds', 'unknown',
              ${channel === "sms" ? "UND_ERR_SOCKET" : "ETIMEDOUT"},
              ${channel === "sms" ? "campaign/send: the connection closed after the request was written" : "the server was silent after the final dot"})`.execute(
      db,
    );
    if (channel === "sms") {
      await sql`
        insert into oncebox.lookup (notification_id, attempt, at, worker_id, finding, verdict, detail)
        values (${id}, 1, ${ago} + interval '1 minute', ${gone.id}, 'undecided', 'later', 'campaign/getInfo: the campaign is being prepared'),
               (${id}, 1, ${ago} + interval '4 minutes', ${gone.id}, 'undecided', 'later', 'campaign/getInfo: the campaign is being prepared')`.execute(
        db,
      );
    }
  }
}

/** A few people's acts. */
export async function seedActs(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select id::text from oncebox.notification where state = 'pending' order by due_at desc limit 3`.execute(
    db,
  );
  const [first, second, third] = rows.map((it) => it.id);
  await sql`select oncebox.cancel(${first}::bigint, 'aigerim', 'the person asked by phone not to be written to')`.execute(
    db,
  );
  await sql`select oncebox.cancel(${second}::bigint, 'aigerim', 'a test of the form')`.execute(db);
  await sql`select oncebox.cancel(${third}::bigint, 'timur', 'registered twice by the call centre')`.execute(
    db,
  );
  await sql`select * from oncebox.reveal((select lead_id from oncebox.notification where id = ${first}::bigint), 'aigerim', 'ticket 4411: which number was it?')`.execute(
    db,
  );
}
