-- oncebox.prevented: messages that would have gone out twice.
--
-- Reads what was not sent, what was registered again and every lookup; by index where there are many.
create or replace view oncebox.prevented as
select 'already_sent'                                               as how,
       n.channel,
       count(*)                                                     as messages,
       case n.channel when 'sms' then sum(coalesce(n.segments, 1)) end as segments
  from oncebox.notification as n
 where n.state in ('failed', 'cancelled')
   and n.state = 'cancelled'
   and n.state_reason = 'already_sent'
 group by n.channel
union all
select 'repeated',
       n.channel,
       sum(r.repeats),
       case n.channel when 'sms' then sum(r.repeats * coalesce(n.segments, 1)) end
  from oncebox.registration as r
  join oncebox.notification as n
    on n.lead_id = r.lead_id
 where r.repeats > 0
 group by n.channel
union all
select 'found_sent',
       n.channel,
       count(*),
       case n.channel when 'sms' then sum(coalesce(n.segments, 1)) end
  from oncebox.lookup as k
  join oncebox.notification as n
    on n.id = k.notification_id
 where k.verdict in ('sent', 'already_sent')
 group by n.channel;
comment on view oncebox.prevented is 'Messages that a program which looks, sends and then writes would have sent twice, since ever. No person''s data.';
comment on column oncebox.prevented.how is 'already_sent: somebody else had set the lead''s flag; repeated: the same registration came again; found_sent: in doubt, and the provider''s record had it.';
comment on column oncebox.prevented.messages is 'How many.';
comment on column oncebox.prevented.segments is 'What they would have been paid as; null for email. One that was never rendered counts as one.';
