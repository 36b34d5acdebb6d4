-- oncebox.sweep(at_most) -> what was put right: a row each
--
-- Puts right what a crash left behind; every worker calls it, every second and as often as it likes.
--
-- Finds    workers whose lock is free: gone. That is a hint and no proof of death (a restart of
--          Postgres frees the locks of healthy workers), so nothing here sends anything again
--          that may have been sent.
-- Moves    claimed -> unknown   its holder is gone, or the lease ran out
--          claimed -> pending   the same, and provably nothing irreversible was tried
--          claimed -> unknown   for a person, when it is the third in a row whose worker died
--          unknown -> sent      the last attempt is in doubt, and an earlier one, whose worker was taken
--                               for dead and lived, was accepted after all
-- Frees    the jobs that gone workers had taken.
-- Wakes    rows that are due for 10 seconds and have no job that could run: someone deleted it,
--          or its worker died between taking it and the claim.
-- Orders   what an outage left: see line_up.
-- Holds    what is due, when the database is another one than it was: see notice_epoch.
-- Marks    oncebox.last_sweep, every five seconds at most.
-- Returns  action (gone, unknown, set_aside, pending, sent, woken), with the notification's or worker's id;
--          travelled, with how many were held.
-- Locks    the rows it moves; skips those that somebody holds.
create or replace function oncebox.sweep(at_most integer default 1000)
returns table (
  action  text,
  subject text
)
language plpgsql
-- By the indexes, whatever the statistics were when it was planned: they hold only what is due.
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_ids  bigint[] := '{}';
  v_id   bigint;
  v_from timestamptz;
begin
  -- Before anything is taken for unsent.
  subject := oncebox.notice_epoch();
  if subject is not null then
    action := 'travelled';
    return next;
  end if;

  -- Skipped when another sweep is just doing it.
  update oncebox.last_sweep as s
     set at = clock_timestamp()
   where s.only_row = (
     select f.only_row
       from oncebox.last_sweep as f
      where coalesce(f.at, '-infinity') < clock_timestamp() - interval '5 seconds'
        for update skip locked);

  return query
  select 'gone', g.id::text
    from oncebox.find_gone_workers() as g (id);

  for action, v_id in
    with held as (
      select n.id, n.attempt, n.deaths + (w.gone_at is not null)::integer as deaths,
             a.sending_at is null as is_unsent, a.deadline_at,
             case when w.gone_at is not null then 'worker_gone' else 'lease_over' end as reason
        from oncebox.notification as n
        join oncebox.worker as w
          on w.id = n.worker_id
        join oncebox.attempt as a
          on a.notification_id = n.id
         and a.attempt = n.attempt
       where n.state = 'claimed'
         and (n.lease_until < statement_timestamp() or w.gone_at is not null or w.stopped_at is not null)
       order by n.id
       limit at_most
         for update of n skip locked
    ), moved as (
      update oncebox.notification as n
         set state        = case when h.is_unsent and h.deaths < 3 then 'pending' else 'unknown' end,
             state_reason = case when h.deaths < 3 then h.reason else 'killed_its_worker' end,
             deaths       = h.deaths,
             lease_until  = null,
             look_up_at   = case when h.deaths < 3 and not h.is_unsent then clock_timestamp() end,
             -- It may have made a draft that it came to keep no more.
             discard_at   = case when h.is_unsent and n.campaign_id is null
                                 then h.deadline_at + interval '1 minute' else n.discard_at end
        from held as h
       where n.id = h.id
      returning n.id, n.state, n.state_reason, n.attempt, n.lead_id, n.channel, h.reason
    ), closed as (
      update oncebox.attempt as a
         set outcome  = 'swept',
             ended_at = clock_timestamp(),
             code     = m.reason
        from moved as m
       where a.notification_id = m.id
         and a.attempt = m.attempt
         and a.outcome is null
    ), unflagged as (
      update public.landing_leads as l
         set sms_sent   = l.sms_sent and not u.sms,
             email_sent = l.email_sent and not u.email
        from (select m.lead_id, bool_or(m.channel = 'sms') as sms, bool_or(m.channel = 'email') as email
                from moved as m
               where m.state = 'pending'
               group by m.lead_id) as u
       where l.id = u.lead_id
    )
    select case when m.state_reason = 'killed_its_worker' then 'set_aside' else m.state end, m.id
      from moved as m
  loop
    if action = 'pending' then
      v_ids := v_ids || v_id;
    end if;
    subject := v_id;
    return next;
  end loop;

  for action, v_id in
    with known as (
      select n.id, a.provider_ref, a.ended_at
        from oncebox.notification as n
        join oncebox.attempt as a
          on a.notification_id = n.id
         and a.outcome = 'accepted'
       where n.state = 'unknown'
       order by n.id
       limit at_most
         for update of n skip locked
    ), moved as (
      update oncebox.notification as n
         set state            = 'sent',
             state_reason     = null,
             look_up_at       = null,
             deaths           = 0,
             provider_ref     = coalesce(k.provider_ref, n.provider_ref),
             delivery_look_at = oncebox.first_delivery_look(n.channel, coalesce(n.message_id, k.provider_ref, n.provider_ref)),
             settled_at       = clock_timestamp()
        from known as k
       where n.id = k.id
      returning n.id, n.lead_id, n.channel, k.ended_at
    ), flagged as (
      select oncebox.put_flag(m.lead_id, m.channel, true, m.ended_at)
        from moved as m
    )
    select 'sent', m.id
      from moved as m
     where (select count(*) from flagged) is not null
  loop
    subject := v_id;
    return next;
  end loop;

  -- Not all of a million: the oldest ones, which are next, and some from anywhere, lest a long row of
  -- others that have their jobs hide one that has none.
  v_from := (select min(n.due_at) from oncebox.notification as n where n.state = 'pending');
  v_ids := v_ids || array(
    select n.id
      from (select d.*
              from (values (v_from), (v_from + random() * (statement_timestamp() - v_from))) as w (from_at)
             cross join lateral (
               select n.id, n.due_at, n.is_held
                 from oncebox.notification as n
                where n.state = 'pending'
                  and n.due_at >= w.from_at
                  and n.due_at < statement_timestamp() - interval '10 seconds'
                order by n.due_at
                limit 2 * at_most) as d) as n
     where not n.is_held
       and n.id <> all (v_ids)
       and not exists (
         select
           from graphile_worker._private_jobs as j
          where j.key = 'oncebox:' || n.id
            -- One that was taken just now is on its way to its claim.
            and (j.is_available or j.locked_at > clock_timestamp() - interval '10 seconds'))
     group by n.id
     order by min(n.due_at)
     limit at_most);
  perform oncebox.wake(v_ids);
  return query
  select 'woken', w.id::text
    from unnest(v_ids) as w (id);

  -- Last, because it waits for nobody while it holds jobs.
  perform oncebox.line_up();
end
$$;
