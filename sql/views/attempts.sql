-- oncebox.attempts: every try, with what came of it.
create or replace view oncebox.attempts as
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
comment on column oncebox.attempts.attempt is 'From 1; the number is the fence: only the current one may settle.';
comment on column oncebox.attempts.started_at is 'When it was claimed.';
comment on column oncebox.attempts.sending_at is 'From here on it may have gone out; null = provably nothing irreversible was tried.';
comment on column oncebox.attempts.ended_at is 'When its outcome was written; null = it is under way.';
comment on column oncebox.attempts.outcome is 'accepted, rejected, not_sent, unknown; released: given back untried; swept: its worker fell silent.';
comment on column oncebox.attempts.code is 'The provider''s, or ours; accepted_twice = a second message was taken for one person.';
comment on column oncebox.attempts.detail is 'In the provider''s words, cut and without what it quoted of the message.';
comment on column oncebox.attempts.provider_ref is 'The provider''s own id of the message that it took.';
