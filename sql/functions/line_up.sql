-- oncebox.line_up(at_most) -> how many jobs it put into another place
--
-- After an outage the rest must not keep fresh leads waiting, and goes in the order in which it was
-- due all the same. Workers take jobs by priority, then by run_at; sweep calls this every second.
--
-- Back     what is due for more than a minute goes behind what is not. The latest first: those before
--          it are ahead of it until it is their turn to be put back.
-- Forward  what a pause had put off gets its old place again, when its channel has just opened.
-- Locks    the jobs that it moves until commit; skips those that somebody holds.
create or replace function oncebox.line_up(at_most integer default 10000)
returns integer
language plpgsql
as $$
declare
  v_back    bigint[];
  v_forward bigint[] := '{}';
begin
  -- Most of the time nothing has just opened, and the jobs of a whole pause need not be looked through.
  if exists (
    select
      from oncebox.channel as c
     where c.paused_until is null
       and c.changed_at > clock_timestamp() - interval '30 seconds')
  then
    v_forward := array(
      select n.id
        from oncebox.channel as c
        join graphile_worker._private_tasks as t
          on t.identifier = 'oncebox_' || c.channel
        join graphile_worker._private_jobs as j
          on j.task_id = t.id
        join oncebox.notification as n
          on n.id = substr(j.key, length('oncebox:') + 1)::bigint
       where c.paused_until is null
         and c.changed_at > clock_timestamp() - interval '30 seconds'
         and j.is_available
         and j.run_at > statement_timestamp()
         and j.key like 'oncebox:%'
         and n.state = 'pending'
         and n.due_at <= statement_timestamp()
         and n.slot_at is null
       limit at_most
         for update of j skip locked);
    perform oncebox.wake(v_forward);
  end if;

  v_back := array(
    select j.id
      from graphile_worker._private_jobs as j
     where j.is_available
       and j.priority = 0
       and j.run_at < statement_timestamp() - interval '1 minute'
       and j.key like 'oncebox:%'
     order by j.run_at desc
     limit at_most
       for update skip locked);
  perform graphile_worker.reschedule_jobs(v_back, priority => 1);
  return cardinality(v_forward) + cardinality(v_back);
end
$$;
