-- Trigger: a new notification gets its job, whoever inserted the row and in whatever language. The
-- very first one has the database remember which one it is.
--
-- The job is written past graphile_worker.add_jobs, which notifies: commits that notify queue behind
-- one lock of the whole database, so that each waits for the disk alone. That is kept for what is due
-- before any worker looks by itself; a new row has no other job that add_jobs would have to replace.
create or replace function oncebox.notification_after_insert()
returns trigger
language plpgsql
set enable_seqscan = off
set jit = off
as $$
begin
  perform oncebox.remember_epoch();
  insert into graphile_worker._private_jobs (task_id, payload, run_at, key)
  select t.id, json_build_object('id', i.id::text), i.due_at, 'oncebox:' || i.id
    from inserted as i
    join graphile_worker._private_tasks as t
      on t.identifier = 'oncebox_' || i.channel
   where i.state = 'pending';
  if exists (
    select
      from inserted as i
     where i.state = 'pending'
       and i.due_at < clock_timestamp() + interval '2 seconds')
  then
    perform oncebox.ring();
  end if;
  return null;
end
$$;

create or replace trigger notification_after_insert
  after insert on oncebox.notification
  referencing new table as inserted
  for each statement
  execute function oncebox.notification_after_insert();
