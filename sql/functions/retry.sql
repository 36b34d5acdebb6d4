-- oncebox.retry(notification_id, actor, reason) -> nothing
--
-- A person does not want to wait for the backoff: due now. Opens the way for one try; the rules of
-- the channel, its pause among them, hold as ever.
--
-- Moves    nothing: pending stays pending; audited.
-- Refuses  OB005 there is none; OB006 it is not pending.
-- Locks    the notification row until commit.
create or replace function oncebox.retry(notification_id bigint, actor text, reason text)
returns void
language plpgsql
as $$
declare
  v_state text := oncebox.lock_state(notification_id);
begin
  if v_state <> 'pending' then
    raise exception using
      errcode = 'OB006',
      message = format('notification %s is %s and cannot be tried again', notification_id, v_state),
      hint    = case v_state
                  when 'unknown' then 'It may have gone out. Find out first, then: oncebox notifications resolve.'
                  when 'claimed' then 'An attempt is under way; wait for it.'
                  else 'It is final. Register the lead again if it is to get a new message.'
                end;
  end if;
  update oncebox.notification as n
     set due_at = least(n.due_at, clock_timestamp())
   where n.id = retry.notification_id;
  perform oncebox.wake(array[notification_id]);
  insert into oncebox.audit (actor, action, notification_id, from_state, to_state, reason)
  values (actor, 'retry', retry.notification_id, 'pending', 'pending', retry.reason);
end
$$;
