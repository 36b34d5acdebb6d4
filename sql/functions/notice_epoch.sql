-- oncebox.notice_epoch() -> how many it held, or null when the database is the one it was
--
-- After a failover, a restore or a copy commits may be missing, and what looks unsent may have been
-- sent. The first one who notices holds everything that is due by now: once for all workers.
--
-- Locks    only when something changed, until commit: the settings row, then what it holds. So call
--          it before anything else is locked.
create or replace function oncebox.notice_epoch()
returns integer
language plpgsql
as $$
declare
  v_known oncebox.setting;
  v_now   record;
begin
  select e.system_identifier, e.timeline, e.database into v_now from oncebox.epoch() as e;
  select s.* into v_known from oncebox.setting as s;
  if v_known.system_identifier is null then
    perform oncebox.remember_epoch();
    return null;
  end if;
  if (v_known.system_identifier, v_known.timeline, v_known.database)
     is not distinct from (v_now.system_identifier, v_now.timeline, v_now.database) then
    return null;
  end if;

  -- Whoever waits here finds it done.
  update oncebox.setting as s
     set system_identifier = v_now.system_identifier,
         timeline          = v_now.timeline,
         database          = v_now.database
   where (s.system_identifier, s.timeline, s.database)
         is distinct from (v_now.system_identifier, v_now.timeline, v_now.database);
  if not found then
    return null;
  end if;
  return cardinality(oncebox.hold_due());
end
$$;
