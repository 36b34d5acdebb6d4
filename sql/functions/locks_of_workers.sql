-- oncebox.locks_of_workers() -> the advisory locks that are held in this database now
--
-- A worker is alive as long as its lock_key is among them: it holds its lock on a connection of its
-- own, which ends with it. Locks of others may be among them; a worker's key is 63 random bits.
create or replace function oncebox.locks_of_workers()
returns setof bigint
language sql
volatile
as $$
  select (l.classid::bigint << 32) | l.objid::bigint
    from pg_locks as l
   where l.locktype = 'advisory'
     and l.objsubid = 1
     and l.granted
     and l.database = (select d.oid from pg_database as d where d.datname = current_database());
$$;
