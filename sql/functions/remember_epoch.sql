-- oncebox.remember_epoch() -> nothing
--
-- Writes down which database this is, if that is not known yet: with the first notification, so that
-- a copy made before any worker ran is known for one, and not when migrating, so that an empty
-- database may be cloned. Does nothing where somebody else is just doing it, or the role may not: a
-- registration neither waits nor fails for it, and the first claim makes up for it.
--
-- Locks    the settings row until commit, only when it wrote.
create or replace function oncebox.remember_epoch()
returns void
language plpgsql
as $$
begin
  if not exists (select from oncebox.setting as s where s.system_identifier is null) then
    return;
  end if;
  begin
    update oncebox.setting as s
       set (system_identifier, timeline, database) =
           (select e.system_identifier, e.timeline, e.database from oncebox.epoch() as e)
     where s.only_row = (
       select f.only_row
         from oncebox.setting as f
        where f.system_identifier is null
          for update skip locked);
  exception
    when insufficient_privilege then
      null;
  end;
end
$$;
