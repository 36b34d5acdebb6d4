-- oncebox.note_balance(channel, balance, currency, warn_below, pause_for) -> what changed by it
--
-- Writes down what is left on the account. At zero or below the channel pauses, with the reason
-- balance, for so long and again with each reading; with money in sight such a pause is over at once,
-- and sweep wakes what waited. A pause for another reason is left alone.
--
-- Returns  low     it went below warn_below just now; said once, until it was above again
--          paused  it was paused just now
--          opened  it was opened just now
-- Locks    the channel row until commit.
create or replace function oncebox.note_balance(
  channel    text,
  balance    numeric,
  currency   text,
  warn_below numeric,
  pause_for  interval
) returns table (
  low    boolean,
  paused boolean,
  opened boolean
)
language plpgsql
as $$
#variable_conflict use_variable
declare
  v_row    oncebox.channel;
  v_is_low boolean := coalesce(balance < warn_below, false) or balance <= 0;
begin
  select c.* into v_row from oncebox.channel as c where c.channel = note_balance.channel for update;
  update oncebox.channel as c
     set balance          = note_balance.balance,
         balance_currency = note_balance.currency,
         balance_at       = clock_timestamp(),
         balance_low_at   = case when v_is_low then coalesce(c.balance_low_at, clock_timestamp()) end
   where c.channel = note_balance.channel;

  low := v_is_low and v_row.balance_low_at is null;
  paused := false;
  opened := false;
  if balance <= 0 and (v_row.pause_reason = 'balance' or v_row.paused_until is null or v_row.paused_until <= clock_timestamp()) then
    paused := v_row.pause_reason is distinct from 'balance';
    perform oncebox.pause_channel(channel, pause_for, 'balance', 0);
  elsif balance > 0 and v_row.pause_reason = 'balance' then
    opened := true;
    perform oncebox.open_channel(channel);
  end if;
  return next;
end
$$;
