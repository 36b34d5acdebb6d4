-- oncebox.workers: every start of a worker, and whether it is there now, by its lock.
create or replace view oncebox.workers
with (security_invoker = true) as
select w.id,
       w.pid,
       w.version,
       w.started_at,
       w.stopped_at,
       w.gone_at,
       w.stopped_at is null and w.gone_at is null and exists (
         select
           from pg_locks as l
          where l.locktype = 'advisory'
            and l.objsubid = 1
            and l.granted
            and l.database = (select d.oid from pg_database as d where d.datname = current_database())
            and (l.classid::bigint << 32) | l.objid::bigint = w.lock_key) as is_present
  from oncebox.worker as w;
comment on view oncebox.workers is 'Every start of a worker: when, which version, and whether its lock is held now.';
