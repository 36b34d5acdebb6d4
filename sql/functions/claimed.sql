-- oncebox.claimed(notification_id) -> a claim as claim answers it. Not for use by itself.
create or replace function oncebox.claimed(notification_id bigint)
returns table (
  verdict     text,
  attempt     integer,
  lead_id     uuid,
  channel     text,
  recipient   text,
  subject     text,
  body        text,
  reference   text,
  campaign_id text,
  message_id  text,
  failures    integer,
  pauses      integer,
  due_at      timestamptz
)
language sql
stable
as $$
  select 'claimed', n.attempt, n.lead_id, n.channel, n.recipient, n.subject, n.body,
         oncebox.reference(n.id), n.campaign_id, n.message_id, n.failures, c.pauses, n.due_at
    from oncebox.notification as n
    join oncebox.channel as c
      on c.channel = n.channel
   where n.id = claimed.notification_id;
$$;
