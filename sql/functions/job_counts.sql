-- oncebox.job_counts() -> how graphile-worker's jobs of ours stand. Read it as oncebox.jobs.
--
-- A function, so that no view stands in the way when graphile-worker changes its tables.
--
-- Reads    its jobs, its locked queues, and what is pending and due.
create or replace function oncebox.job_counts()
returns table (
  jobs              bigint,
  due               bigint,
  oldest_due_at     timestamptz,
  taken             bigint,
  taken_by_nobody   bigint,
  failed_for_good   bigint,
  due_without_job   bigint
)
language sql
volatile
as $$
  with alive as materialized (
    select unnest(w.job_workers) as name
      from oncebox.worker as w
     where w.stopped_at is null
       and w.gone_at is null
       and w.lock_key = any (array(select oncebox.locks_of_workers()))
  )
  select j.jobs, j.due, j.oldest_due_at, j.taken, j.taken_by_nobody, j.failed_for_good, w.due_without_job
    from (
      select count(*) as jobs,
             count(*) filter (where k.is_available and k.run_at <= now())       as due,
             min(k.run_at) filter (where k.is_available and k.run_at <= now())  as oldest_due_at,
             count(*) filter (where k.locked_at is not null)                    as taken,
             count(*) filter (where k.locked_at is not null
                                and k.locked_by not in (select a.name from alive as a)) as taken_by_nobody,
             count(*) filter (where k.attempts >= k.max_attempts and k.locked_at is null) as failed_for_good
        from graphile_worker._private_jobs as k
        join graphile_worker._private_tasks as t
          on t.id = k.task_id
       where t.identifier like 'oncebox\_%') as j
   cross join (
      select count(*) as due_without_job
        from oncebox.notification as n
       where n.state = 'pending'
         and not n.is_held
         and n.due_at < now() - interval '1 minute'
         and not exists (
           select
             from graphile_worker._private_jobs as k
            where k.key = 'oncebox:' || n.id)) as w;
$$;
