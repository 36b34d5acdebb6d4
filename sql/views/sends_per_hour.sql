-- oncebox.sends_per_hour: how the attempts of each hour ended, by channel.
--
-- Reads every attempt. The hour is that of the session's time zone.
create or replace view oncebox.sends_per_hour as
select date_trunc('hour', a.ended_at)                                  as hour,
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
comment on view oncebox.sends_per_hour is 'How the attempts that ended in each hour ended, by channel. No person''s data. Reads every attempt.';
comment on column oncebox.sends_per_hour.hour is 'Its beginning, in the session''s time zone.';
comment on column oncebox.sends_per_hour.attempts is 'All that ended then.';
comment on column oncebox.sends_per_hour.accepted is 'The provider took it.';
comment on column oncebox.sends_per_hour.rejected is 'The provider refused it for good.';
comment on column oncebox.sends_per_hour.not_sent is 'Provably not sent; it is tried again.';
comment on column oncebox.sends_per_hour.in_doubt is 'May have gone out, and was not decided by a late answer or the provider''s record.';
comment on column oncebox.sends_per_hour.released is 'Given back untried, as by a worker that was told to stop.';
