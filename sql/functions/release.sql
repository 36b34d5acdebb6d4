-- oncebox.release(notification_id, attempt, reason) -> whether it was released
--
-- Gives a claim back before anything irreversible was tried, such as when the worker is told to stop.
--
-- Moves    claimed -> pending, due at once; the lead's flag goes back to false. Uses up no try.
-- Returns  false when the attempt no longer holds the claim: nothing is changed.
-- Locks    the notification row, then the lead row, then the attempt, until commit.
create or replace function oncebox.release(notification_id bigint, attempt integer, reason text)
returns boolean
language plpgsql
as $$
declare
  v_lead_id uuid;
  v_channel text;
begin
  update oncebox.notification as n
     set state        = 'pending',
         state_reason = reason,
         lease_until  = null
   where n.id = release.notification_id
     and n.attempt = release.attempt
     and n.state = 'claimed'
  returning n.lead_id, n.channel
       into v_lead_id, v_channel;
  if not found then
    return false;
  end if;
  perform oncebox.put_flag(v_lead_id, v_channel, false, null);
  update oncebox.attempt as a
     set outcome  = 'released',
         ended_at = clock_timestamp(),
         code     = reason
   where a.notification_id = release.notification_id
     and a.attempt = release.attempt;
  perform oncebox.wake(array[notification_id]);
  return true;
end
$$;
