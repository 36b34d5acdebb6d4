-- oncebox.acts: what people did, and why.
create or replace view oncebox.acts as
select d.id,
       d.at,
       d.actor,
       d.action,
       coalesce(d.lead_id, n.lead_id) as lead_id,
       d.notification_id,
       d.from_state,
       d.to_state,
       d.subject,
       d.reason
  from oncebox.audit as d
  left join oncebox.notification as n
    on n.id = d.notification_id;
comment on view oncebox.acts is 'What people did, and why, for ever. The reason is in their own words.';
comment on column oncebox.acts.actor is 'Who did it, as they said; a token''s name where it came over HTTP.';
comment on column oncebox.acts.action is 'cancel, retry, resolve, hold, resume; reveal; sign_in, sign_in_refused; make_token, revoke_token; save_template, send_test, open_channel.';
comment on column oncebox.acts.from_state is 'Where the notification was; null for what moved none.';
comment on column oncebox.acts.to_state is 'Where it was put.';
comment on column oncebox.acts.lead_id is 'Null where it concerns no lead, or its notification was pruned.';
comment on column oncebox.acts.subject is 'What it was done to, where that is no notification and no lead.';
comment on column oncebox.acts.reason is 'In their words.';
