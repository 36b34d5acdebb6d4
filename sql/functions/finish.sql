-- oncebox.finish(notification_id, state, reason) -> nothing
--
-- Moves a row that the caller has locked and checked to a final state. Not for use by itself.
create or replace function oncebox.finish(notification_id bigint, state text, reason text)
returns void
language sql
as $$
  update oncebox.notification as n
     set state        = finish.state,
         state_reason = finish.reason,
         lease_until  = null,
         is_held      = false,
         look_up_at   = null,
         settled_at   = clock_timestamp()
   where n.id = finish.notification_id;
$$;
