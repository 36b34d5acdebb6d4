-- oncebox.keep_draft(notification_id, attempt, campaign_id, message_id) -> whether the attempt still holds the claim
--
-- Commits what was prepared with the provider, before the one call that cannot be taken back.
-- From here on every later attempt acts on this same campaign.
--
-- Returns  false when the attempt no longer holds the claim: nothing is written, and nothing may be sent.
-- Locks    the notification row until commit.
create or replace function oncebox.keep_draft(
  notification_id bigint,
  attempt         integer,
  campaign_id     text,
  message_id      text
) returns boolean
language sql
as $$
  -- If a crash of the server took it back, sweep would take the attempt for one that sent nothing.
  select set_config('synchronous_commit', 'on', true)
   where current_setting('synchronous_commit') = 'off';

  with kept as (
    update oncebox.notification as n
       set campaign_id = keep_draft.campaign_id,
           message_id  = keep_draft.message_id
     where n.id = keep_draft.notification_id
       and n.attempt = keep_draft.attempt
       and n.state = 'claimed'
       and n.lease_until > clock_timestamp()
       and (n.campaign_id is null
            -- The same call again, by a worker whose connection broke around the commit.
            or (n.campaign_id, n.message_id) = (keep_draft.campaign_id, keep_draft.message_id))
    returning n.id, n.attempt
  ), marked as (
    update oncebox.attempt as a
       set sending_at = coalesce(a.sending_at, clock_timestamp())
      from kept as k
     where a.notification_id = k.id
       and a.attempt = k.attempt
  )
  select exists (select from kept);
$$;
