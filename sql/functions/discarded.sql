-- oncebox.discarded(notification_id) -> nothing
--
-- The provider's record was read to its end, and no draft of this notification is left in it.
create or replace function oncebox.discarded(notification_id bigint)
returns void
language sql
as $$
  update oncebox.notification as n
     set discard_at = null
   where n.id = discarded.notification_id;
$$;
