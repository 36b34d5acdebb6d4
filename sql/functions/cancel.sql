-- oncebox.cancel(notification_id, actor, reason) -> the state it is in now
--
-- Takes back a notification that was not sent yet; safe to call again.
--
-- Moves    pending -> cancelled; audited.
-- Refuses  OB005 there is none; OB006 it is too late: it was claimed, or its outcome is in doubt,
--          or it is final.
-- Locks    the notification row until commit.
create or replace function oncebox.cancel(notification_id bigint, actor text, reason text)
returns text
language plpgsql
as $$
declare
  v_state text := oncebox.lock_state(notification_id);
begin
  if v_state = 'cancelled' then
    return v_state;
  end if;
  if v_state <> 'pending' then
    raise exception using
      errcode = 'OB006',
      message = format('notification %s is %s and cannot be cancelled', notification_id, v_state),
      hint    = 'Only a pending notification can be taken back.';
  end if;
  perform oncebox.finish(notification_id, 'cancelled', reason);
  insert into oncebox.audit (actor, action, notification_id, from_state, to_state, reason)
  values (actor, 'cancel', cancel.notification_id, v_state, 'cancelled', cancel.reason);
  return 'cancelled';
end
$$;
