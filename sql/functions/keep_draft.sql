-- oncebox.keep_draft(notification_id, attempt, campaign_id, message_id) -> whether the attempt still holds the claim
--
-- keep_draft_each for one, and what somebody holds is waited for.
--
-- Locks    the notification row until commit.
create or replace function oncebox.keep_draft(
  notification_id bigint,
  attempt         integer,
  campaign_id     text,
  message_id      text
) returns boolean
language plpgsql
as $$
begin
  perform
     from oncebox.notification as n
    where n.id = keep_draft.notification_id
      for update;
  return coalesce((
    select d.kept
      from oncebox.keep_draft_each(array[keep_draft.notification_id], array[keep_draft.attempt],
                                   array[keep_draft.campaign_id], array[keep_draft.message_id]) as d), false);
end
$$;
