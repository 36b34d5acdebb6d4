-- oncebox.wake(notification_ids, at) -> nothing
--
-- Makes sure that a worker looks at these notifications: at the given time, or without one when
-- each is due. One job a notification, by its key; a job that is there is moved, and one that
-- is running right now gets a successor.
--
-- A task a channel (oncebox_sms, oncebox_email), so that a worker without a provider for one leaves
-- its jobs to the others. The job is only a wake-up: the row decides whether anything is sent. It does not throw, so it
-- needs graphile-worker's retries only for a database that went away.
create or replace function oncebox.wake(notification_ids bigint[], at timestamptz default null)
returns void
language plpgsql
as $$
begin
  if cardinality(notification_ids) = 0 then
    return;
  end if;
  perform graphile_worker.add_jobs(array_agg((
            'oncebox_' || n.channel,
            json_build_object('id', n.id::text),
            null,
            coalesce(at, n.due_at),
            null,
            'oncebox:' || n.id,
            null,
            null)::graphile_worker.job_spec))
     from oncebox.notification as n
    where n.id = any (notification_ids)
   having count(*) > 0;
end
$$;
