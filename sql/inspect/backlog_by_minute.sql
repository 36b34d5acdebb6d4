-- What is waiting, by the minute it was due?
--
-- Read   One row a minute and channel, the oldest first: how many should have been claimed by now (ten
--        seconds late and more). Held ones are counted apart. A long list that grows at the end =
--        more comes in than is sent; one that stands still = nothing is sent.
-- Next   what_is_stuck.sql says why. sends_per_hour shows the rate; more workers or a higher
--        ONCEBOX_CONCURRENCY or ONCEBOX_SMS_PER_SECOND raise it, as far as the provider lets you.
-- Cost   Reads what is due, by index.
-- Needs  oncebox_reader.
select date_trunc('minute', n.due_at)                as minute,
       n.channel,
       count(*) filter (where not n.is_held)         as waiting,
       count(*) filter (where n.is_held)             as held,
       count(*) filter (where n.attempt > 0)         as tried_before,
       date_trunc('second', now() - min(n.due_at))   as late
  from oncebox.notifications as n
 where n.state = 'pending'
   and n.due_at < now() - interval '10 seconds'
 group by 1, 2
 order by 1, 2;
