-- oncebox.notifications: every notification, with masked recipients; the stable way to read the outbox.
create or replace view oncebox.notifications
with (security_invoker = true) as
select n.id,
       n.lead_id,
       n.channel,
       n.kind,
       case n.channel
         when 'sms' then oncebox.mask_phone(n.recipient)
         else oncebox.mask_email(n.recipient)
       end                         as recipient,
       n.state,
       n.state_reason,
       n.attempt,
       n.failures,
       n.deaths,
       n.is_held,
       n.look_up_at,
       n.due_at,
       n.expires_at,
       n.created_at,
       n.settled_at,
       n.worker_id,
       n.lease_until,
       n.campaign_id,
       n.provider_ref,
       n.delivery,
       oncebox.reference(n.id)     as reference
  from oncebox.notification as n;
comment on view oncebox.notifications is 'Every notification, with masked recipients and without texts.';
