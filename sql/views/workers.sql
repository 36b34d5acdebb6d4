-- oncebox.workers: every start of a worker, and whether it is there now, by its lock.
create or replace view oncebox.workers as
select w.id,
       w.pid,
       w.version,
       w.started_at,
       w.stopped_at,
       w.gone_at,
       w.stopped_at is null and w.gone_at is null
       and w.lock_key = any (array(select oncebox.locks_of_workers())) as is_present,
       coalesce(h.claims, 0)                                          as claims,
       h.oldest_lease_until
  from oncebox.worker as w
  left join (
    select n.worker_id,
           count(*)           as claims,
           min(n.lease_until) as oldest_lease_until
      from oncebox.notification as n
     where n.state = 'claimed'
     group by n.worker_id) as h
    on h.worker_id = w.id;
comment on view oncebox.workers is 'Every start of a worker: when, which version, whether its lock is held now, and how much it holds. No person''s data.';
comment on column oncebox.workers.pid is 'Of the process, on its own machine.';
comment on column oncebox.workers.stopped_at is 'When it signed off; null = it did not, or not yet.';
comment on column oncebox.workers.gone_at is 'When another worker found its lock free: it died, or lost its connection and goes on under a new name.';
comment on column oncebox.workers.is_present is 'Its lock is held now: it is alive.';
comment on column oncebox.workers.claims is 'Notifications that it holds now; see oncebox.claims.';
comment on column oncebox.workers.oldest_lease_until is 'The first of its leases to run out; in the past = it hangs, and sweep takes over.';
