-- oncebox.lookups: every question to a provider about an outcome in doubt, and its answer.
create or replace view oncebox.lookups
with (security_invoker = true) as
select l.notification_id,
       l.attempt,
       l.at,
       l.worker_id,
       l.finding,
       l.verdict,
       l.detail
  from oncebox.lookup as l;
comment on view oncebox.lookups is 'Every question to a provider about an outcome in doubt, what it answered and what followed.';
