-- oncebox.notifications: every notification, with masked recipients; the stable way to read the outbox.
create or replace view oncebox.notifications as
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
       oncebox.reference(n.id)     as reference,
       n.delivery_at,
       n.delivery_detail,
       n.delivery_checks,
       n.delivery_look_at,
       n.delivery_look_at is null
       and n.delivery_checks > 0
       and coalesce(n.delivery, '') not in ('DELIVRD', 'UNDELIV', 'REJECTD', 'EXPIRED', 'DELETED', 'DECLINED')
                                   as has_no_report,
       n.segments,
       n.cost
  from oncebox.notification as n;
comment on view oncebox.notifications is 'Every notification, with masked recipients and without texts.';
comment on column oncebox.notifications.recipient is 'Masked.';
comment on column oncebox.notifications.state_reason is 'Why it is failed, unknown or cancelled, or pending again: a code, or what a person wrote.';
comment on column oncebox.notifications.attempt is 'The number of the last claim; 0 = none yet. Ten are skipped when the database travelled in time.';
comment on column oncebox.notifications.failures is 'Tries that failed for this message''s own sake; trouble of a whole channel does not count.';
comment on column oncebox.notifications.deaths is 'Workers in a row that died holding it; the third sets it aside.';
comment on column oncebox.notifications.is_held is 'Not sent before a comparison: the database is another one than it was. See docs/time-travel.md.';
comment on column oncebox.notifications.look_up_at is 'When the provider is asked next what became of it; null = it is not asked.';
comment on column oncebox.notifications.due_at is 'Not sent before; of one that was tried already, when it is tried again.';
comment on column oncebox.notifications.expires_at is 'Not sent after; null = never too late.';
comment on column oncebox.notifications.settled_at is 'When it became sent, failed or cancelled; null = it is not final.';
comment on column oncebox.notifications.worker_id is 'Who holds it, or held it last.';
comment on column oncebox.notifications.lease_until is 'How long its claim is good for; null = it is not claimed.';
comment on column oncebox.notifications.campaign_id is 'Mobizon''s draft of it, which every attempt acts on; null = there is none yet.';
comment on column oncebox.notifications.provider_ref is 'The provider''s own id of the message that it took.';
comment on column oncebox.notifications.delivery is 'What the provider last said of an SMS on its way to the phone: moderation, NEW, ENQUEUD, ACCEPTD, PDLIVRD; final: DELIVRD, UNDELIV, REJECTD, EXPIRED, DELETED; DECLINED by its moderator. See docs/delivery.md.';
comment on column oncebox.notifications.delivery_at is 'When we learnt of it.';
comment on column oncebox.notifications.delivery_detail is 'Of one that was declined: the moderator''s words, cut and cleaned.';
comment on column oncebox.notifications.delivery_checks is 'How many times the provider was asked how far it got.';
comment on column oncebox.notifications.delivery_look_at is 'When it is asked next; null = it is final, or was given up.';
comment on column oncebox.notifications.has_no_report is 'Three days after it was sent the provider had not said how it ended: nobody knows.';
comment on column oncebox.notifications.segments is 'The parts that an SMS is sent and paid as: computed by the claim, and the provider''s own number once it told.';
comment on column oncebox.notifications.cost is 'What the provider charged, in the account''s currency; null = it has not told.';
comment on column oncebox.notifications.reference is 'The name by which the provider''s record of it is recognised: the campaign''s name, the Message-ID''s local part.';
