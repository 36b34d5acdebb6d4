-- oncebox.last_hour: what was sent in each of the last 60 minutes, and how late.
--
-- Reads what was settled in the last hour, by index. Minutes in which nothing was settled are not there.
create or replace view oncebox.last_hour as
select date_trunc('minute', n.settled_at)                                     as minute,
       n.channel,
       count(*) filter (where n.state = 'sent')                               as sent,
       count(*) filter (where n.state = 'failed')                             as failed,
       count(*) filter (where n.state = 'cancelled')                          as cancelled,
       percentile_disc(0.5) within group (order by n.settled_at - n.due_at)
         filter (where n.state = 'sent')                                      as lag_p50,
       percentile_disc(0.99) within group (order by n.settled_at - n.due_at)
         filter (where n.state = 'sent')                                      as lag_p99
  from oncebox.notification as n
 where n.settled_at > date_trunc('minute', now()) - interval '59 minutes'
 group by 1, 2;
comment on view oncebox.last_hour is 'What was settled in each of the last 60 minutes, by channel, and how late. No person''s data.';
comment on column oncebox.last_hour.minute is 'Its beginning.';
comment on column oncebox.last_hour.sent is 'The provider took them.';
comment on column oncebox.last_hour.failed is 'Refused, or every try failed.';
comment on column oncebox.last_hour.lag_p50 is 'From due to sent, the median. Of one that was tried before, from when it was tried again.';
comment on column oncebox.last_hour.lag_p99 is 'From due to sent: 99 of 100 were faster.';
