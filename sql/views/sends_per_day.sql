-- oncebox.sends_per_day: how the attempts of each day ended, by channel.
--
-- Reads every attempt. The day is that of the session's time zone.
create or replace view oncebox.sends_per_day as
select date_trunc('day', a.ended_at)                                  as day,
       n.channel,
       count(*)                                                       as attempts,
       count(*) filter (where a.outcome = 'accepted')                 as accepted,
       count(*) filter (where a.outcome = 'rejected')                 as rejected,
       count(*) filter (where a.outcome = 'not_sent')                 as not_sent,
       count(*) filter (where a.outcome in ('unknown', 'swept'))      as in_doubt,
       count(*) filter (where a.outcome = 'released')                 as released
  from oncebox.attempt as a
  join oncebox.notification as n
    on n.id = a.notification_id
 where a.ended_at is not null
 group by 1, 2;
comment on view oncebox.sends_per_day is 'How the attempts that ended in each day ended, by channel. No person''s data. Reads every attempt.';
comment on column oncebox.sends_per_day.day is 'Its beginning, in the session''s time zone.';
comment on column oncebox.sends_per_day.attempts is 'All that ended then.';
comment on column oncebox.sends_per_day.accepted is 'The provider took it.';
comment on column oncebox.sends_per_day.rejected is 'The provider refused it for good.';
comment on column oncebox.sends_per_day.not_sent is 'Provably not sent; it is tried again.';
comment on column oncebox.sends_per_day.in_doubt is 'May have gone out, and was not decided by a late answer or the provider''s record.';
comment on column oncebox.sends_per_day.released is 'Given back untried, as by a worker that was told to stop.';
