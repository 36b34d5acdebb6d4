-- oncebox.hold(actor, reason) -> how many were held
--
-- A person says what the database cannot see by itself: that it is a copy, or went back in time, as
-- when a snapshot of the disk was put back. To be called before the first worker starts on it.
--
-- Moves    nothing: what is held stays pending; audited, one row each.
-- Locks    the settings row, the due rows, the attempts of claimed ones, until commit.
create or replace function oncebox.hold(actor text, reason text)
returns integer
language plpgsql
as $$
declare
  v_ids bigint[];
begin
  v_ids := oncebox.hold_due();
  insert into oncebox.audit (actor, action, notification_id, from_state, to_state, reason)
  select hold.actor, 'hold', h.id, 'pending', 'pending', hold.reason
    from unnest(v_ids) as h (id);
  return cardinality(v_ids);
end
$$;
