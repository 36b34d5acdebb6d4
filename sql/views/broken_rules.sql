-- oncebox.broken_rules: rows that break a rule which no constraint can hold; empty when all is well.
-- Each rule holds after every transaction of ours, so what is here was changed by hand, came from
-- a restored part of a backup, or is a fault of oncebox's. Reads every notification and attempt.
create or replace view oncebox.broken_rules as
select r.rule,
       n.id as notification_id,
       n.lead_id,
       n.channel,
       n.state
  from oncebox.notification as n
  join public.landing_leads as l
    on l.id = n.lead_id
 cross join lateral (
   select 'flag_down' as rule
    where n.state in ('claimed', 'unknown', 'sent')
      and not case n.channel when 'sms' then l.sms_sent else l.email_sent end
   union all
   select 'claimed_without_attempt'
    where n.state = 'claimed'
      and not exists (
        select
          from oncebox.attempt as a
         where a.notification_id = n.id
           and a.attempt = n.attempt
           and a.ended_at is null)
   union all
   select 'attempt_without_claim'
     from oncebox.attempt as a
    where a.notification_id = n.id
      and a.ended_at is null
      and not (n.state = 'claimed' and a.attempt = n.attempt)
   union all
   select 'sent_without_proof'
    where n.state = 'sent'
      and not exists (
        select
          from oncebox.attempt as a
         where a.notification_id = n.id
           and a.outcome = 'accepted')
      and not exists (
        select
          from oncebox.lookup as k
         where k.notification_id = n.id
           and k.finding = 'sent')
      and not exists (
        select
          from oncebox.audit as p
         where p.notification_id = n.id
           and p.to_state = 'sent')
   union all
   select 'accepted_but_not_sent'
    where (n.state = 'failed' or n.state = 'cancelled' and n.state_reason <> 'already_sent')
      -- Whom nobody knows any more, nobody can tell.
      and n.erased_at is null
      and exists (
        select
          from oncebox.attempt as a
         where a.notification_id = n.id
           and a.outcome = 'accepted')
   union all
   select 'accepted_twice'
     from oncebox.attempt as a
    where a.notification_id = n.id
      and a.code = 'accepted_twice') as r;
comment on view oncebox.broken_rules is 'Rows that break a rule which no constraint can hold; empty when all is well. Reads every notification and attempt.';
comment on column oncebox.broken_rules.rule is 'flag_down: claimed, unknown or sent, and the lead''s flag is false. claimed_without_attempt: and no attempt is open. attempt_without_claim: an open attempt that nobody holds. sent_without_proof: no attempt was accepted, no lookup found it, no person said so. accepted_but_not_sent: final otherwise. accepted_twice: two attempts were accepted, so two messages went out.';
