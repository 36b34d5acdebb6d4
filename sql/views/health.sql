-- oncebox.health: is it well? One row, no person's data.
create or replace view oncebox.health
with (security_invoker = true) as
select count(*) filter (where n.state = 'pending')                       as pending,
       count(*) filter (where n.state = 'pending' and n.due_at <= now()) as due,
       count(*) filter (where n.state = 'claimed')                       as claimed,
       count(*) filter (where n.state = 'sent')                          as sent,
       count(*) filter (where n.state = 'failed')                        as failed,
       count(*) filter (where n.state = 'unknown')                       as unknown,
       count(*) filter (where n.state = 'cancelled')                     as cancelled,
       count(*) filter (where n.is_held)                                 as held,
       count(*) filter (where n.state_reason = 'killed_its_worker' and n.state = 'unknown') as set_aside,
       min(n.due_at) filter (where n.state = 'pending')                  as oldest_due_at,
       (select min(a.started_at)
          from oncebox.notification as u
          join oncebox.attempt as a
            on a.notification_id = u.id
           and a.attempt = u.attempt
         where u.state = 'unknown')                                      as oldest_unknown_at,
       (select coalesce(jsonb_object_agg(c.channel, jsonb_build_object(
                 'until', c.paused_until, 'reason', c.pause_reason, 'pauses', c.pauses)), '{}')
          from oncebox.channel as c
         where c.paused_until is not null)                               as paused_channels,
       (select count(*) from oncebox.worker as w where w.stopped_at is null and w.gone_at is null) as workers
  from oncebox.notification as n;
comment on view oncebox.health is 'One row: counts by state, the oldest due and unknown, paused channels. No person''s data.';
