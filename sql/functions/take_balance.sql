-- oncebox.take_balance(channel, every) -> whether the caller is to read the account's balance now
--
-- One worker for each interval, however many there are.
--
-- Locks    the channel row until commit, if it is time.
create or replace function oncebox.take_balance(channel text, every interval)
returns boolean
language plpgsql
as $$
begin
  -- Looked at first, so that nobody locks the row in vain; claims write it, too.
  if exists (
    select
      from oncebox.channel as c
     where c.channel = take_balance.channel
       and c.balance_look_at > clock_timestamp())
  then
    return false;
  end if;
  update oncebox.channel as c
     set balance_look_at = clock_timestamp() + every
   where c.channel = take_balance.channel
     and (c.balance_look_at is null or c.balance_look_at <= clock_timestamp());
  return found;
end
$$;
