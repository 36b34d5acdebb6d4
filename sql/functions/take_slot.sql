-- oncebox.take_slot(notification_id, per_second) -> when to wake it again, or null: it may start now
--
-- One rate for all workers together: the moments at which a send may start are given away one by
-- one, at most five seconds ahead. Who gets none comes again: soon if it has just become due, and
-- after up to five minutes if it waits since longer, so that fresh leads do not queue behind what an
-- outage left.
--
-- Locks    the channel row until commit, if it gives a moment away. The caller holds the notification.
create or replace function oncebox.take_slot(notification_id bigint, per_second numeric)
returns timestamptz
language plpgsql
as $$
declare
  v_now  timestamptz := clock_timestamp();
  v_row  oncebox.notification;
  v_slot timestamptz;
begin
  select n.* into v_row from oncebox.notification as n where n.id = take_slot.notification_id;
  v_slot := v_row.slot_at;
  -- Who slept through its moment takes another: several of them at once would be a burst.
  if v_slot is null or v_slot < v_now - interval '300 milliseconds' then
    -- What was not used for more than a tenth of a second is gone: no burst after a quiet hour.
    update oncebox.channel as c
       set next_slot_at = greatest(c.next_slot_at, v_now - interval '100 milliseconds')
                          + interval '1 second' / per_second::double precision
     where c.channel = v_row.channel
       and (c.next_slot_at is null or c.next_slot_at < v_now + interval '5 seconds')
    returning c.next_slot_at - interval '1 second' / per_second::double precision
         into v_slot;
    if not found then
      return v_now + interval '5 seconds'
             + random() * (case when v_row.due_at > v_now - interval '1 minute' then interval '2 seconds' else interval '5 minutes' end);
    end if;
  end if;
  if v_slot <= v_now then
    return null;
  end if;
  update oncebox.notification as n
     set slot_at = v_slot
   where n.id = take_slot.notification_id;
  return v_slot;
end
$$;
