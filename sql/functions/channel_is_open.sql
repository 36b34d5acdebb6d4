-- oncebox.channel_is_open(channel) -> whether a claim on it may go ahead now
--
-- Open, or paused until a moment that has passed: then the first one who asks tries whether the
-- provider is well again, and the others wait half a minute for what it finds.
--
-- Locks    the channel row until commit, only in that second case.
create or replace function oncebox.channel_is_open(channel text)
returns boolean
language plpgsql
as $$
declare
  v_paused_until timestamptz;
begin
  select c.paused_until
    into v_paused_until
    from oncebox.channel as c
   where c.channel = channel_is_open.channel;
  if v_paused_until is null then
    return true;
  end if;
  if v_paused_until > clock_timestamp() then
    return false;
  end if;
  update oncebox.channel as c
     set paused_until = clock_timestamp() + '30 seconds',
         changed_at   = clock_timestamp()
   where c.channel = channel_is_open.channel
     and c.paused_until = v_paused_until;
  return found;
end
$$;
