-- Who holds locks on our tables, and who waits for them?
--
-- Read   Sessions with locks on oncebox's tables, graphile-worker's or public.landing_leads that wait for
--        another, keep another waiting, or have a transaction open for over a minute (psql -v
--        older_than='10 seconds' for others). waits_for: the sessions in their way.
--        The statement is not shown, as it may hold a person's data: pg_stat_activity has it.
-- Next   The one who waits for nobody is the cause. "idle in transaction" = a program forgot to commit:
--        select pg_terminate_backend(PID). "oncebox migrate" = let it finish. oncebox's own
--        transactions take milliseconds, and none stays open during a send.
-- Cost   Reads the lock table; a busy server has some thousand entries. It takes no lock of note.
-- Needs  pg_monitor or more, to see other users' sessions.
\if :{?older_than}
\else
\set older_than '1 minute'
\endif
with session as materialized (
  select a.pid, a.application_name, a.usename, a.state, a.wait_event_type, a.xact_start,
         pg_blocking_pids(a.pid) as waits_for
    from pg_stat_activity as a
   where a.datname = current_database()
     and a.pid <> pg_backend_pid()
     and a.xact_start is not null
), held as (
  select l.pid, string_agg(distinct format('%s: %s', l.relation::regclass, l.mode), ', ') as locks
    from pg_locks as l
    join pg_class as c
      on c.oid = l.relation
     and c.relkind = 'r'
   where l.locktype = 'relation'
     and l.database = (select d.oid from pg_database as d where d.datname = current_database())
     and (c.relnamespace in ('oncebox'::regnamespace, 'graphile_worker'::regnamespace)
          or c.oid = 'public.landing_leads'::regclass)
   group by l.pid
)
select s.pid,
       s.application_name,
       s.usename                                          as role,
       s.state,
       date_trunc('second', clock_timestamp() - s.xact_start) as open_for,
       s.waits_for,
       h.locks
  from session as s
  join held as h
    on h.pid = s.pid
 where s.waits_for <> '{}'
    or s.pid in (select unnest(o.waits_for) from session as o)
    or s.xact_start < clock_timestamp() - :'older_than'::interval
 order by s.waits_for <> '{}', s.xact_start;
