-- oncebox.lock_state(notification_id) -> its state, with the row locked until commit
--
-- Refuses  OB005 there is no such notification.
create or replace function oncebox.lock_state(notification_id bigint)
returns text
language plpgsql
as $$
declare
  v_state text;
begin
  select n.state
    into v_state
    from oncebox.notification as n
   where n.id = lock_state.notification_id
     for update;
  if not found then
    raise exception using
      errcode = 'OB005',
      message = format('there is no notification %s', lock_state.notification_id),
      hint    = 'Look it up with oncebox notifications list.';
  end if;
  return v_state;
end
$$;
