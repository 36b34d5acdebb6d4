-- oncebox.epoch() -> which cluster this is, and which of its timelines
--
-- A promoted standby and a restored backup have another timeline, a copy of the files or a dump
-- loaded elsewhere another cluster. Read from the write position and not from the last checkpoint,
-- which a promotion reaches only later.
create or replace function oncebox.epoch()
returns table (
  system_identifier text,
  timeline          text
)
language sql
stable
as $$
  select c.system_identifier::text,
         left(pg_walfile_name(pg_current_wal_lsn()), 8)
    from pg_control_system() as c;
$$;
