-- oncebox.sweep(at_most) -> what was put right: a row each
--
-- Puts right what a crash left behind; every worker calls it, as often as it likes.
--
-- Moves    claimed -> unknown   its lease ran out
--          claimed -> pending   the same, and provably nothing irreversible was tried
-- Wakes    rows that are due for 10 seconds and have no job that could run: someone deleted it,
--          or its worker died between taking it and the claim.
-- Returns  action (unknown, pending, woken) and the notification's id.
-- Locks    the rows it moves; skips those that somebody holds.
create or replace function oncebox.sweep(at_most integer default 1000)
returns table (
  action          text,
  notification_id bigint
)
language plpgsql
as $$
#variable_conflict use_column
declare
  v_ids bigint[] := '{}';
begin
  for action, notification_id in
    with expired as (
      select n.id, n.attempt, a.sending_at is null as is_unsent
        from oncebox.notification as n
        join oncebox.attempt as a
          on a.notification_id = n.id
         and a.attempt = n.attempt
       where n.state = 'claimed'
         and n.lease_until < clock_timestamp()
       order by n.id
       limit at_most
         for update of n skip locked
    ), moved as (
      update oncebox.notification as n
         set state        = case when e.is_unsent then 'pending' else 'unknown' end,
             state_reason = 'lease_over',
             lease_until  = null
        from expired as e
       where n.id = e.id
      returning n.id, n.state, n.attempt, n.lead_id, n.channel, e.is_unsent
    ), closed as (
      update oncebox.attempt as a
         set outcome  = 'swept',
             ended_at = clock_timestamp(),
             code     = 'lease_over'
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
               where m.is_unsent
               group by m.lead_id) as u
       where l.id = u.lead_id
    )
    select m.state, m.id
      from moved as m
  loop
    if action = 'pending' then
      v_ids := v_ids || notification_id;
    end if;
    return next;
  end loop;

  v_ids := v_ids || array(
    select n.id
      from oncebox.notification as n
     where n.state = 'pending'
       and n.id <> all (v_ids)
       and n.due_at < clock_timestamp() - interval '10 seconds'
       and not exists (
         select
           from graphile_worker._private_jobs as j
          where j.key = 'oncebox:' || n.id
            -- One that was taken just now is on its way to its claim.
            and (j.is_available or j.locked_at > clock_timestamp() - interval '10 seconds'))
     order by n.due_at
     limit at_most);
  perform oncebox.wake(v_ids);
  return query
  select 'woken', w.id
    from unnest(v_ids) as w (id);
end
$$;
