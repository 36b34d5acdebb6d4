-- What is stuck, and why?
--
-- Read   One row a notification that should have moved for a minute and did not, the oldest first,
--        at most 200. why is the first reason that holds, and says what to do.
-- Next   "no worker is alive": start one. "channel paused": docs/operating.md, A channel is paused.
--        "held": docs/time-travel.md. "no job": any worker's next sweep gives it one.
--        "holder": the next sweep takes it over. "waits its turn": more workers, or a higher
--        ONCEBOX_CONCURRENCY; or none of them sends this channel (channel:off in their logs).
-- Cost   Milliseconds: by index, what is due or claimed.
-- Needs  The owner's rights: it looks at graphile-worker's jobs.
with alive as materialized (
  select count(*) as workers from oncebox.workers as w where w.is_present
)
select n.id,
       n.channel,
       n.state,
       n.attempt,
       date_trunc('second', now() - case n.state when 'claimed' then n.lease_until else n.due_at end) as late,
       case
         when n.state = 'claimed' and not c.is_holder_present then 'its holder is gone; a worker''s sweep takes it over'
         when n.state = 'claimed' then 'its holder hangs; a worker''s sweep takes it over'
         when n.is_held then 'held: compare what went out, then oncebox resume'
         when a.workers = 0 then 'no worker is alive: oncebox worker'
         when ch.paused_until > now() then format('channel paused until %s: %s', ch.paused_until, ch.pause_reason)
         when j.id is null then 'no job; a worker''s sweep gives it one'
         when j.attempts >= j.max_attempts then 'its job failed for good; a worker''s sweep gives it another'
         when j.locked_at is not null then format('its job was taken at %s by %s', j.locked_at, j.locked_by)
         when j.run_at > now() then format('its job waits until %s, as a paused or throttled channel makes it', j.run_at)
         else 'it waits its turn, or no worker sends this channel'
       end as why
  from oncebox.notifications as n
 cross join alive as a
  join oncebox.channel as ch
    on ch.channel = n.channel
  left join oncebox.claims as c
    on c.notification_id = n.id
  left join graphile_worker._private_jobs as j
    on j.key = 'oncebox:' || n.id
 where (n.state = 'pending' and n.due_at < now() - interval '1 minute')
    or (n.state = 'claimed' and (n.lease_until < now() or not c.is_holder_present))
 order by late desc
 limit 200;
