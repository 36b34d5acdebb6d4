-- oncebox.find_gone_workers() -> the ids of workers found gone just now
--
-- A worker holds its lock on a connection of its own from before its row is there until after it
-- was signed off. Marks those whose lock is free, and frees the jobs that they had taken.
--
-- Locks    the workers' rows until commit.
create or replace function oncebox.find_gone_workers()
returns setof uuid
language plpgsql
as $$
declare
  v_present uuid[];
  v_locks   bigint[];
  v_jobs    text[];
  v_gone    uuid[];
begin
  -- First the rows, then the locks: a worker that signs on in between has its lock by then.
  v_present := array(
    select w.id
      from oncebox.worker as w
     where w.stopped_at is null
       and w.gone_at is null);
  if cardinality(v_present) = 0 then
    return;
  end if;
  v_locks := array(select oncebox.locks_of_workers());

  with gone as (
    update oncebox.worker as w
       set gone_at = clock_timestamp()
     where w.id = any (v_present)
       and w.stopped_at is null
       and w.gone_at is null
       and (w.lock_key is null or w.lock_key <> all (v_locks))
    returning w.id, w.job_workers
  )
  select array_agg(distinct g.id), array_agg(distinct j.name) filter (where j.name is not null)
    into v_gone, v_jobs
    from gone as g
    left join lateral unnest(g.job_workers) as j (name) on true;
  if v_jobs is not null then
    perform graphile_worker.force_unlock_workers(v_jobs);
  end if;
  return query
  select g.id
    from unnest(v_gone) as g (id);
end
$$;
