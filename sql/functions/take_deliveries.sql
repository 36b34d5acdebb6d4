-- oncebox.take_deliveries(channel, at_most) -> the SMS whose provider is asked now how far they got
--
-- Longest waiting first. Each is handed to one caller; if it does not say what it heard (see
-- note_deliveries), to another two minutes later. None while the channel is paused, but for a lack
-- of money: asking costs nothing.
--
-- Returns  message_id: the provider's own; where only the campaign is known, something that is no number.
-- Locks    the rows it hands out until commit; skips those that somebody holds.
create or replace function oncebox.take_deliveries(channel text, at_most integer)
returns table (
  notification_id bigint,
  message_id      text,
  campaign_id     text
)
language sql
as $$
  with picked as (
    select n.id
      from oncebox.notification as n
     -- As a subquery it is one moment, which the index can be asked for.
     where n.delivery_look_at <= (select clock_timestamp())
       and n.channel = take_deliveries.channel
       and exists (
         select
           from oncebox.channel as c
          where c.channel = take_deliveries.channel
            and (c.paused_until is null or c.paused_until <= clock_timestamp() or c.pause_reason = 'balance'))
     order by n.delivery_look_at
     limit at_most
       for update skip locked
  )
  update oncebox.notification as n
     set delivery_look_at = clock_timestamp() + interval '2 minutes'
    from picked as p
   where n.id = p.id
  returning n.id, coalesce(n.message_id, n.provider_ref), n.campaign_id;
$$;
