-- How late were notifications claimed?
--
--   psql -v slower_than='5 seconds' -v within='1 hour' -f sql/inspect/slow_claims.sql (the defaults)
--
-- Read   One row a minute and channel with a first claim that came later than that after it was due:
--        how many there were, the median wait and the worst. Repeats are left out: their waits are
--        meant.
-- Next   Minutes in which nothing ran at all: were workers down (oncebox.workers, stopped_at and
--        gone_at), was the channel paused (their logs)? All of them a little late: more came due at
--        once than is sent at once; see backlog_by_minute.sql. Waits for locks: locks_held.sql.
-- Cost   Reads every attempt: seconds on millions. It locks nothing.
-- Needs  oncebox_reader.
\if :{?slower_than}
\else
\set slower_than '5 seconds'
\endif
\if :{?within}
\else
\set within '1 hour'
\endif
select date_trunc('minute', a.started_at)                                         as minute,
       a.channel,
       count(*)                                                                   as claims,
       count(*) filter (where a.started_at - n.due_at > :'slower_than'::interval) as slow,
       percentile_cont(0.5) within group (order by a.started_at - n.due_at)       as median,
       max(a.started_at - n.due_at)                                               as worst
  from oncebox.attempts as a
  join oncebox.notifications as n
    on n.id = a.notification_id
 where a.attempt = 1
   and n.attempt = 1
   and a.started_at > now() - :'within'::interval
 group by 1, 2
having max(a.started_at - n.due_at) > :'slower_than'::interval
 order by 1, 2;
