-- Which notifications have no job, and which jobs no notification?
--
-- Read   "no job": pending, and nothing will wake a worker for it but a sweep. "no notification": a
--        job whose row is not there. "nothing to do": its row is final, and it should have run and
--        gone. "failed for good": graphile-worker has given it up. "taken long ago": its worker
--        took it over an hour ago. At most 200 of each.
-- Next   Nothing, where a worker is alive: its sweep gives due rows a job within seconds, and a job
--        without a row does nothing when it runs. If they stay, what_is_stuck.sql says why.
--        A job that is only in the way: select graphile_worker.complete_jobs(array[JOB]);
-- Cost   Reads graphile-worker's jobs and what is pending; milliseconds unless millions wait.
-- Needs  The owner's rights: it looks at graphile-worker's jobs.
(select 'no job' as what, n.id as notification, null::bigint as job, n.state, n.due_at as at
   from oncebox.notifications as n
  where n.state = 'pending'
    and not n.is_held
    and not exists (
      select
        from graphile_worker._private_jobs as j
       where j.key = 'oncebox:' || n.id)
  order by n.due_at
  limit 200)
union all
(select case
          when n.id is null then 'no notification'
          when j.attempts >= j.max_attempts then 'failed for good'
          when j.locked_at is not null then 'taken long ago'
          else 'nothing to do'
        end,
        j.notification_id, j.id, n.state, coalesce(j.locked_at, j.run_at)
   from (
     select k.*, substr(k.key, length('oncebox:') + 1)::bigint as notification_id
       from graphile_worker._private_jobs as k
      where k.key ~ '^oncebox:[0-9]{1,18}$') as j
   left join oncebox.notifications as n
     on n.id = j.notification_id
  where n.id is null
     or j.attempts >= j.max_attempts
     or j.locked_at < now() - interval '1 hour'
     or (n.state in ('sent', 'failed', 'cancelled') and j.locked_at is null and j.run_at < now() - interval '1 minute')
  order by j.run_at
  limit 200);
