-- oncebox.undelivered: the SMS that did not reach their phone.
--
-- Reads only those, by the index notification_undelivered.
create or replace view oncebox.undelivered as
select n.id as notification_id,
       n.lead_id,
       n.delivery,
       n.delivery_at,
       n.delivery_detail
  from oncebox.notification as n
 where n.delivery in ('UNDELIV', 'REJECTD', 'EXPIRED', 'DELETED', 'DECLINED');
comment on view oncebox.undelivered is 'The SMS that did not reach their phone. No person''s data.';
comment on column oncebox.undelivered.delivery is 'UNDELIV, REJECTD, EXPIRED, DELETED: the operator''s word; DECLINED: the moderator''s.';
comment on column oncebox.undelivered.delivery_at is 'When we learnt of it.';
comment on column oncebox.undelivered.delivery_detail is 'Of one that was declined: the moderator''s words.';
