-- oncebox.prune(older_than, at_most) -> how many notifications it removed
--
-- Removes final notifications that were settled longer ago than that, with their attempts and lookups,
-- and empties the data of their registrations. One batch; call it until it answers 0.
--
-- Keeps    public.landing_leads: its flags still say what was sent, and keep a second one from going
--          out. Idempotency keys: a registration that is repeated is still recognised. What people did
--          (oncebox.audit), without their reasons. What was erased: its row is the tombstone.
-- Marks    setting.pruned_until: no lead that came in before is adopted, because nobody knows any more
--          whether it was cancelled.
-- Never    removes what is pending, claimed or unknown: the condition here, and a trigger for everyone.
-- Locks    the rows it removes until commit; skips those that somebody holds.
create or replace function oncebox.prune(older_than interval, at_most integer default 1000)
returns integer
language plpgsql
as $$
declare
  v_until constant timestamptz := now() - older_than;
  v_old   bigint[];
begin
  v_old := array(
    select n.id
      from oncebox.notification as n
     where n.settled_at < v_until
       and n.state in ('sent', 'failed', 'cancelled')
       and n.erased_at is null
       -- A draft of it may still be at the provider.
       and n.discard_at is null
     order by n.settled_at
     limit at_most
       for update skip locked);
  if cardinality(v_old) = 0 then
    return 0;
  end if;
  update oncebox.setting as s
     set pruned_until = v_until
   where s.pruned_until is null
      or s.pruned_until < v_until;
  update oncebox.registration as r
     set data = '{}'
    from oncebox.notification as n
   where n.id = any (v_old)
     and r.lead_id = n.lead_id
     and r.data <> '{}';
  -- It may name somebody, and nobody could tell later whose notification it was about, to erase it.
  update oncebox.audit as a
     set reason = 'pruned'
   where a.notification_id = any (v_old)
     and a.reason not in ('pruned', 'erased');
  delete from oncebox.lookup as l where l.notification_id = any (v_old);
  delete from oncebox.attempt as a where a.notification_id = any (v_old);
  delete from oncebox.notification as n where n.id = any (v_old);
  return cardinality(v_old);
end
$$;
