-- oncebox.lead_history: everything that happened for one lead, a row each.
--
-- Ask it by lead_id, and sort by at.
create or replace view oncebox.lead_history as
select l.id         as lead_id,
       l.created_at as at,
       null::bigint as notification_id,
       null::text   as channel,
       'registered' as event,
       null::text   as by,
       'from ' || r.source || ', kind ' || r.kind as detail
  from public.landing_leads as l
  left join oncebox.registration as r
    on r.lead_id = l.id
union all
select n.lead_id, n.created_at, n.id, n.channel, 'planned', null,
       'for ' || case n.channel when 'sms' then oncebox.mask_phone(n.recipient) else oncebox.mask_email(n.recipient) end
  from oncebox.notification as n
union all
select n.lead_id, a.started_at, n.id, n.channel, 'claimed', 'worker ' || a.worker_id, 'attempt ' || a.attempt
  from oncebox.attempt as a
  join oncebox.notification as n
    on n.id = a.notification_id
union all
select n.lead_id, a.ended_at, n.id, n.channel, a.outcome, 'worker ' || a.worker_id,
       concat_ws(', ', 'attempt ' || a.attempt, a.code, 'provider''s id ' || a.provider_ref)
  from oncebox.attempt as a
  join oncebox.notification as n
    on n.id = a.notification_id
 where a.ended_at is not null
union all
select n.lead_id, k.at, n.id, n.channel, 'looked_up', 'worker ' || k.worker_id,
       'attempt ' || k.attempt || ', found ' || k.finding || ', so ' || k.verdict
  from oncebox.lookup as k
  join oncebox.notification as n
    on n.id = k.notification_id
union all
select n.lead_id, d.at, n.id, n.channel, d.action, d.actor,
       d.from_state || ' -> ' || d.to_state || ': ' || d.reason
  from oncebox.audit as d
  join oncebox.notification as n
    on n.id = d.notification_id
union all
select d.lead_id, d.at, null, null, d.action, d.actor, d.reason
  from oncebox.audit as d
 where d.lead_id is not null
union all
select n.lead_id, n.settled_at, n.id, n.channel, 'is ' || n.state, null, n.state_reason
  from oncebox.notification as n
 where n.settled_at is not null
union all
select n.lead_id, n.delivery_at, n.id, n.channel, 'delivery ' || n.delivery, null, n.delivery_detail
  from oncebox.notification as n
 where n.delivery_at is not null
   and n.delivery is not null;
comment on view oncebox.lead_history is 'Everything that happened for a lead, a row each, recipients masked. Ask it by lead_id and sort by at.';
comment on column oncebox.lead_history.at is 'Null where an adopted lead does not say when it came in.';
comment on column oncebox.lead_history.notification_id is 'Null for what concerns the lead as a whole.';
comment on column oncebox.lead_history.event is 'registered, planned, claimed; the outcome of an attempt; looked_up; what a person did; is sent, is failed, is cancelled; how far the provider says that an SMS got, such as delivery DELIVRD.';
comment on column oncebox.lead_history.by is 'The worker or the person; null = registration, or the database itself.';
