-- oncebox.deliveries: how far the SMS of each day got, by the provider's word.
--
-- Reads every SMS that was sent. The day is that of the session's time zone, on which it was sent.
create or replace view oncebox.deliveries as
select date_trunc('day', n.settled_at)                                          as day,
       n.channel,
       count(*)                                                                 as sent,
       count(*) filter (where n.delivery = 'DELIVRD')                           as delivered,
       count(*) filter (where n.delivery = 'UNDELIV')                           as undeliverable,
       count(*) filter (where n.delivery = 'REJECTD')                           as rejected,
       count(*) filter (where n.delivery = 'EXPIRED')                           as expired,
       count(*) filter (where n.delivery = 'DELETED')                           as deleted,
       count(*) filter (where n.delivery = 'DECLINED')                          as declined,
       count(*) filter (where n.delivery = 'moderation')                        as in_moderation,
       count(*) filter (where n.delivery_look_at is not null
                          and (n.delivery is null or n.delivery in ('NEW', 'ENQUEUD', 'ACCEPTD', 'PDLIVRD'))) as on_the_way,
       count(*) filter (where n.delivery_look_at is null
                          and (n.delivery is null or n.delivery in ('NEW', 'ENQUEUD', 'ACCEPTD', 'PDLIVRD'))) as no_report,
       percentile_cont(0.5) within group (order by extract(epoch from n.delivery_at - n.settled_at))
         filter (where n.delivery = 'DELIVRD')                                  as median_seconds
  from oncebox.notification as n
 where n.channel = 'sms'
   and n.state = 'sent'
 group by 1, 2;
comment on view oncebox.deliveries is 'How far the SMS that were sent each day got, by the provider''s word. No person''s data. Reads every SMS that was sent.';
comment on column oncebox.deliveries.day is 'On which they were sent: its beginning, in the session''s time zone.';
comment on column oncebox.deliveries.delivered is 'DELIVRD: on the phone.';
comment on column oncebox.deliveries.undeliverable is 'UNDELIV: the operator could not.';
comment on column oncebox.deliveries.rejected is 'REJECTD: the operator would not.';
comment on column oncebox.deliveries.expired is 'EXPIRED: the phone was not reached in time.';
comment on column oncebox.deliveries.deleted is 'DELETED: taken back at the provider.';
comment on column oncebox.deliveries.declined is 'DECLINED: by the provider''s moderator; they never went out.';
comment on column oncebox.deliveries.in_moderation is 'Waiting for the provider''s moderator.';
comment on column oncebox.deliveries.on_the_way is 'Followed, without a last word yet.';
comment on column oncebox.deliveries.no_report is 'Not followed, or no more, without a last word.';
comment on column oncebox.deliveries.median_seconds is 'From sent to when we learnt that it was delivered, of half of the delivered ones.';
