-- oncebox.pause_channel(channel, pause_for, reason, pauses) -> nothing
--
-- No claims on the channel for so long. Never shortens a pause that is under way. pauses is how many
-- in a row the caller knew of when it set out: ten sends that fail together make one more, not ten.
--
-- Locks    the channel row until commit.
create or replace function oncebox.pause_channel(channel text, pause_for interval, reason text, pauses integer)
returns void
language sql
as $$
  update oncebox.channel as c
     set paused_until = greatest(c.paused_until, clock_timestamp() + pause_for),
         pause_reason = coalesce(pause_channel.reason, 'unknown'),
         pauses       = greatest(c.pauses, pause_channel.pauses + 1),
         changed_at   = clock_timestamp()
   where c.channel = pause_channel.channel;
$$;
