-- oncebox.epoch() -> which cluster this is, which of its timelines, and which database of it
--
-- A promoted standby and a backup recovered to a point in time have another timeline, a dump loaded
-- elsewhere another cluster, a clone or a dump loaded beside the original another database, and one
-- loaded over it other tables. The timeline is that of the write position and not of the last
-- checkpoint, which a promotion reaches only later.
--
-- What it cannot tell from the original: the same files put back and started again without recovery
-- to a point in time (a cold copy, a snapshot of the disk). See oncebox.hold.
create or replace function oncebox.epoch()
returns table (
  system_identifier text,
  timeline          text,
  database          text
)
language sql
stable
as $$
  select c.system_identifier::text,
         left(pg_walfile_name(pg_current_wal_lsn()), 8),
         d.oid || '/' || 'oncebox.notification'::regclass::oid
    from pg_control_system() as c
    join pg_database as d
      on d.datname = current_database();
$$;
