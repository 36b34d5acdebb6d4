-- oncebox.last_hour: what was sent in each of the last 60 minutes, and how late.
--
-- Reads what was settled in the last hour and what is in doubt, by index. Minutes in which nothing
-- happened are not there.
create or replace view oncebox.last_hour as
select date_trunc('minute', h.at)                       as minute,
       h.channel,
       count(*) filter (where h.state = 'sent')         as sent,
       count(*) filter (where h.state = 'failed')       as failed,
       count(*) filter (where h.state = 'cancelled')    as cancelled,
       count(*) filter (where h.state = 'unknown')      as in_doubt,
       percentile_disc(0.5) within group (order by h.lag)
         filter (where h.state = 'sent')                as lag_p50,
       percentile_disc(0.99) within group (order by h.lag)
         filter (where h.state = 'sent')                as lag_p99
  from (
    select n.settled_at as at, n.channel, n.state, n.settled_at - n.due_at as lag
      from oncebox.notification as n
     where n.settled_at > date_trunc('minute', now()) - interval '59 minutes'
    union all
    select a.ended_at, n.channel, n.state, null
      from oncebox.notification as n
      join oncebox.attempt as a
        on a.notification_id = n.id
       and a.attempt = n.attempt
       and a.ended_at > date_trunc('minute', now()) - interval '59 minutes'
     where n.state = 'unknown') as h
 group by 1, 2;
comment on view oncebox.last_hour is 'What ended in each of the last 60 minutes, by channel, and how late. No person''s data.';
comment on column oncebox.last_hour.minute is 'Its beginning.';
comment on column oncebox.last_hour.sent is 'The provider took them.';
comment on column oncebox.last_hour.failed is 'Refused, or every try failed.';
comment on column oncebox.last_hour.in_doubt is 'Their last attempt ended in it, and they are still in doubt.';
comment on column oncebox.last_hour.lag_p50 is 'From due to sent, the median. Of one that was tried before, from when it was tried again.';
comment on column oncebox.last_hour.lag_p99 is 'From due to sent: 99 of 100 were faster.';
