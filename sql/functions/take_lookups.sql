-- oncebox.take_lookups(channels, at_most) -> whose provider is to be asked now
--
-- Notifications whose outcome is in doubt, and those that are held, longest waiting first. Each is
-- handed to one caller; if it does not come back with an answer within two minutes, to another.
--
-- Locks    the rows it hands out until commit; skips those that somebody holds.
create or replace function oncebox.take_lookups(channels text[], at_most integer)
returns table (
  notification_id bigint,
  attempt         integer,
  channel         text,
  recipient       text,
  reference       text,
  campaign_id     text,
  message_id      text
)
language sql
as $$
  with picked as (
    select n.id
      from oncebox.notification as n
     where n.look_up_at <= statement_timestamp()
       and n.channel = any (channels)
     order by n.look_up_at
     limit at_most
       for update skip locked
  )
  update oncebox.notification as n
     set look_up_at = clock_timestamp() + interval '2 minutes'
    from picked as p
   where n.id = p.id
  returning n.id, n.attempt, n.channel, n.recipient, oncebox.reference(n.id), n.campaign_id, n.message_id;
$$;
