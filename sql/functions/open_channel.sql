-- oncebox.open_channel(channel) -> nothing
--
-- The provider answered as it should: claims go ahead again. Touches the row only if it was paused,
-- so that sends do not queue behind one row when all is well.
--
-- Locks    the channel row until commit, if it was paused.
create or replace function oncebox.open_channel(channel text)
returns void
language sql
as $$
  update oncebox.channel as c
     set paused_until = null,
         pause_reason = null,
         pauses       = 0,
         changed_at   = clock_timestamp()
   where c.channel = open_channel.channel
     and c.paused_until is not null;
$$;
