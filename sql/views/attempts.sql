-- oncebox.attempts: every try, with what came of it.
create or replace view oncebox.attempts
with (security_invoker = true) as
select a.notification_id,
       a.attempt,
       n.lead_id,
       n.channel,
       a.worker_id,
       a.started_at,
       a.sending_at,
       a.ended_at,
       a.outcome,
       a.code,
       a.detail,
       a.provider_ref
  from oncebox.attempt as a
  join oncebox.notification as n
    on n.id = a.notification_id;
comment on view oncebox.attempts is 'Every try: who, when, what came of it.';
