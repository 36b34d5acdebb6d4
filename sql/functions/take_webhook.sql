-- oncebox.take_webhook(provider, event_id, attempt, created, message_id, campaign_id, status) -> what it was
--
-- Keeps a delivery webhook whose signature was right. Its only effect is that the provider is asked
-- soon: the signature does not cover what it says, so no state is ever taken from it.
--
-- Effect   of one that is followed, the next look is now; of one in doubt too. However many webhooks say
--          the same, it is one look. What is not known yet is found when it is settled.
-- Returns  taken     the provider is asked about it now
--          kept      its message is none that is followed: not known yet, ended, or not ours
--          repeated  the same event came before: no effect
-- Repeats  the same call a second time is a repeated one.
-- Waits    a moment at most for a row that somebody holds; the look then comes by its own schedule.
-- Locks    the notification row until commit.
create or replace function oncebox.take_webhook(
  provider    text,
  event_id    bigint,
  attempt     integer,
  created     text,
  message_id  text,
  campaign_id text default null,
  status      text default null
) returns text
language plpgsql
as $$
#variable_conflict use_variable
declare
  v_asked boolean;
begin
  insert into oncebox.webhook_event (provider, event_id, attempt, created, message_id, campaign_id, status)
  values (provider, event_id, attempt, created, message_id, campaign_id, status)
  on conflict do nothing;
  if not found then
    return 'repeated';
  end if;

  perform set_config('lock_timeout', '250ms', true);
  begin
    update oncebox.notification as n
       set delivery_look_at = least(n.delivery_look_at, clock_timestamp())
     where coalesce(n.message_id, n.provider_ref) = take_webhook.message_id
       and n.delivery_look_at is not null;
    v_asked := found;
    if not v_asked then
      update oncebox.notification as n
         set look_up_at = least(n.look_up_at, clock_timestamp())
       where n.state = 'unknown'
         and n.message_id = take_webhook.message_id
         and n.look_up_at is not null;
      v_asked := found;
    end if;
  exception
    when lock_not_available then
      v_asked := false;
  end;
  return case when v_asked then 'taken' else 'kept' end;
end
$$;
