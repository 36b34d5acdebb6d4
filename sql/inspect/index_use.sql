-- Which indexes are broken, or of no use, and which tables are read whole?
--
-- Read   "invalid": an index concurrently built that did not finish; it slows writes and serves nobody.
--        "unused": none of the statements since the statistics began used it (psql -v at_least='1 MB'
--        is the size from which it is told). "read whole": a large table that is read from one end to
--        the other more often than by an index; times = how often.
-- Next   "invalid": drop index concurrently NAME; oncebox migrate up builds what is missing.
--        "unused": ours are needed on the bad day (sweep, reconcile), so leave them; yours are yours.
--        "read whole": pg_stat_statements says by which statement; health, sms_cost, sends_per_.. and
--        some of these files do it by design, so ask them by the minute and not by the second.
-- Cost   Statistics only.
-- Needs  Nothing: statistics are open to every role.
\if :{?at_least}
\else
\set at_least '1 MB'
\endif
with ours as (
  select c.oid
    from pg_class as c
   where c.relkind = 'r'
     and (c.relnamespace in ('oncebox'::regnamespace, 'graphile_worker'::regnamespace)
          or c.oid = 'public.landing_leads'::regclass)
)
select case when not i.indisvalid then 'invalid' else 'unused' end as what,
       i.indexrelid::regclass::text                                as name,
       i.indrelid::regclass::text                                  as table,
       pg_size_pretty(pg_relation_size(i.indexrelid))              as size,
       s.idx_scan                                                  as times
  from ours as o
  join pg_index as i
    on i.indrelid = o.oid
  join pg_stat_user_indexes as s
    on s.indexrelid = i.indexrelid
 where not i.indisvalid
    or (s.idx_scan = 0 and not i.indisunique and pg_relation_size(i.indexrelid) >= pg_size_bytes(:'at_least'))
union all
select 'read whole', t.relid::regclass::text, t.relid::regclass::text, pg_size_pretty(pg_relation_size(t.relid)), t.seq_scan
  from ours as o
  join pg_stat_user_tables as t
    on t.relid = o.oid
 where t.n_live_tup >= 10000
   and t.seq_scan > 100
   and t.seq_scan > coalesce(t.idx_scan, 0)
 order by 1, 2;
