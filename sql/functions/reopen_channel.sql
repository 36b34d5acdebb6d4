-- oncebox.reopen_channel(channel, actor, reason) -> nothing
--
-- Ends a pause before its time, as when the account was paid into; audited. What still fails pauses it
-- again.
--
-- Refuses  OB005 there is no such channel; OB006 it is open.
-- Locks    the channel row until commit.
create or replace function oncebox.reopen_channel(channel text, actor text, reason text)
returns void
language plpgsql
as $$
declare
  v_paused_until timestamptz;
begin
  select c.paused_until
    into v_paused_until
    from oncebox.channel as c
   where c.channel = reopen_channel.channel
     for update;
  if not found then
    raise exception using
      errcode = 'OB005',
      message = format('there is no channel %s', to_json(left(reopen_channel.channel, 60))),
      hint    = 'There are sms and email.';
  end if;
  if v_paused_until is null then
    raise exception using
      errcode = 'OB006',
      message = format('the channel %s is open', reopen_channel.channel),
      hint    = 'There is nothing to do.';
  end if;
  perform oncebox.open_channel(reopen_channel.channel);
  perform oncebox.note_act(actor, 'open_channel', reopen_channel.channel, reason);
end
$$;
