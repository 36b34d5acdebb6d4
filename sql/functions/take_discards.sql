-- oncebox.take_discards(channels, at_most) -> whose left drafts are to be thrown away now
--
-- Notifications that are final, and one of whose attempts ended before it kept a draft: it may have
-- made one that nobody will ever send off. Each is handed to one caller; if it does not say that it
-- is done (see discarded), to another ten minutes later.
--
-- Returns  campaign_id: the campaign that is the notification's own, if any; it stays.
-- Locks    the rows it hands out until commit; skips those that somebody holds.
create or replace function oncebox.take_discards(channels text[], at_most integer)
returns table (
  notification_id bigint,
  channel         text,
  recipient       text,
  reference       text,
  campaign_id     text
)
language sql
as $$
  with picked as (
    select n.id
      from oncebox.notification as n
     where n.discard_at <= statement_timestamp()
       and n.state in ('sent', 'failed', 'cancelled')
       and n.channel = any (channels)
     order by n.discard_at
     limit at_most
       for update skip locked
  )
  update oncebox.notification as n
     set discard_at = clock_timestamp() + interval '10 minutes'
    from picked as p
   where n.id = p.id
  returning n.id, n.channel, n.recipient, oncebox.reference(n.id), n.campaign_id;
$$;
