-- oncebox.claims: what is being sent now, and by whom.
create or replace view oncebox.claims as
select n.id as notification_id,
       n.lead_id,
       n.channel,
       n.attempt,
       n.worker_id,
       a.started_at,
       a.sending_at,
       a.deadline_at,
       n.lease_until,
       w.stopped_at is null and w.gone_at is null
       and w.lock_key = any (array(select oncebox.locks_of_workers())) as is_holder_present
  from oncebox.notification as n
  join oncebox.worker as w
    on w.id = n.worker_id
  left join oncebox.attempt as a
    on a.notification_id = n.id
   and a.attempt = n.attempt
 where n.state = 'claimed';
comment on view oncebox.claims is 'Every claim that is open now, and whether its holder is alive. No person''s data.';
comment on column oncebox.claims.attempt is 'The one that is under way.';
comment on column oncebox.claims.started_at is 'When it was claimed.';
comment on column oncebox.claims.sending_at is 'From here on it may have gone out; null = provably nothing irreversible was tried.';
comment on column oncebox.claims.deadline_at is 'Its send is over by then, whatever became of it.';
comment on column oncebox.claims.lease_until is 'How long the claim is good for; in the past = sweep takes it over.';
comment on column oncebox.claims.is_holder_present is 'The lock of the worker that holds it is held now: it is alive.';
