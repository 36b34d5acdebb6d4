-- oncebox.lookups: every question to a provider about an outcome in doubt, and its answer.
create or replace view oncebox.lookups as
select l.notification_id,
       l.attempt,
       l.at,
       l.worker_id,
       l.finding,
       l.verdict,
       l.detail
  from oncebox.lookup as l;
comment on view oncebox.lookups is 'Every question to a provider about an outcome in doubt, what it answered and what followed.';
comment on column oncebox.lookups.attempt is 'Whose outcome was in doubt.';
comment on column oncebox.lookups.finding is 'What the provider''s record said: sent, rejected, draft, absent; undecided: asked in vain; repeat: the settings say to send again.';
comment on column oncebox.lookups.verdict is 'What followed: sent, failed, pending (it is sent), already_sent (held, and it had gone out), later (asked again).';
