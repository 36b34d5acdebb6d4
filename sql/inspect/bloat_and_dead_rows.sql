-- Which tables are full of dead rows, and what keeps vacuum from them?
--
-- Read   First the tables of which a fifth and at least 1000 rows are dead. Then what holds vacuum back:
--        a transaction, a prepared one or a replication slot that still needs old rows, over five
--        minutes old (psql -v older_than='1 hour' for others). The oldest holds back all of them.
-- Next   End what holds back: select pg_terminate_backend(PID); rollback prepared 'NAME'; select
--        pg_drop_replication_slot('NAME') if it is really no longer used. Then vacuum the table:
--        vacuum (verbose) oncebox.notification; safe beside running workers.
-- Cost   Statistics only.
-- Needs  pg_monitor or more, to see other users' sessions.
\if :{?older_than}
\else
\set older_than '5 minutes'
\endif
select format('%I.%I', s.schemaname, s.relname)                              as table,
       s.n_live_tup                                                          as live,
       s.n_dead_tup                                                          as dead,
       round(100.0 * s.n_dead_tup / greatest(s.n_live_tup + s.n_dead_tup, 1)) as dead_percent,
       pg_size_pretty(pg_total_relation_size(s.relid))                       as size,
       greatest(s.last_vacuum, s.last_autovacuum)                            as vacuumed_at
  from pg_stat_user_tables as s
 where (s.schemaname in ('oncebox', 'graphile_worker') or s.relid = 'public.landing_leads'::regclass)
   and s.n_dead_tup >= 1000
   and s.n_dead_tup * 4 >= s.n_live_tup
 order by s.n_dead_tup desc;

select 'transaction'                                as what,
       a.pid::text                                  as name,
       a.application_name                           as who,
       a.state,
       date_trunc('second', now() - a.xact_start)   as open_for,
       age(coalesce(a.backend_xmin, a.backend_xid)) as transactions_since
  from pg_stat_activity as a
 where a.xact_start < clock_timestamp() - :'older_than'::interval
   and a.pid <> pg_backend_pid()
   and coalesce(a.backend_xmin, a.backend_xid) is not null
   and (a.datname = current_database() or a.backend_type = 'walsender')
union all
select 'prepared transaction', p.gid, p.owner, null, date_trunc('second', now() - p.prepared), age(p.transaction)
  from pg_prepared_xacts as p
 where p.prepared < clock_timestamp() - :'older_than'::interval
union all
select 'replication slot', r.slot_name, r.plugin, case when r.active then 'active' else 'inactive' end, null,
       greatest(age(r.xmin), age(r.catalog_xmin))
  from pg_replication_slots as r
 where not r.active
   and coalesce(r.xmin, r.catalog_xmin) is not null
 order by transactions_since desc nulls last;
