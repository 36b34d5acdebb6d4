-- oncebox.take_slot(channel, per_second) -> whether one more send may start now
--
-- One rate for all workers together. A tenth of a second's worth may start at once, so that the
-- rate is met although claims do not come evenly.
--
-- Locks    the channel row until commit, if there is a slot.
create or replace function oncebox.take_slot(channel text, per_second numeric)
returns boolean
language plpgsql
as $$
begin
  update oncebox.channel as c
     set next_slot_at = greatest(c.next_slot_at, clock_timestamp() - interval '100 milliseconds')
                        + interval '1 second' / per_second::double precision
   where c.channel = take_slot.channel
     and (c.next_slot_at is null or c.next_slot_at <= clock_timestamp());
  return found;
end
$$;
