-- oncebox.sms_cost: how many SMS were paid for each day, in parts and in money.
--
-- A long text goes out as several SMS and is paid as several; oncebox.sms_segments says how many until
-- the provider tells. Reads every SMS that was sent. The day is that of the session's time zone.
create or replace view oncebox.sms_cost as
select date_trunc('day', n.settled_at)                                as day,
       n.kind,
       count(*)                                                       as messages,
       sum(coalesce(n.segments, oncebox.sms_segments(n.body)))        as segments,
       max(coalesce(n.segments, oncebox.sms_segments(n.body)))        as longest,
       count(*) filter (where n.body is null and n.segments is null)  as without_text,
       sum(n.cost)                                                    as cost,
       sum(coalesce(n.segments, oncebox.sms_segments(n.body)) * c.segment_price)
         filter (where n.cost is null)                                as estimated
  from oncebox.notification as n
  join oncebox.channel as c
    on c.channel = n.channel
 where n.channel = 'sms'
   and n.state = 'sent'
 group by 1, 2;
comment on view oncebox.sms_cost is 'SMS that were sent each day, by kind, and the parts they are paid as. No person''s data; what is in doubt is not counted.';
comment on column oncebox.sms_cost.day is 'Its beginning, in the session''s time zone.';
comment on column oncebox.sms_cost.messages is 'SMS that the provider took.';
comment on column oncebox.sms_cost.segments is 'What they are paid as: parts of 160 or 153 characters, in Cyrillic of 70 or 67.';
comment on column oncebox.sms_cost.longest is 'Parts of the longest one; more than you meant = shorten the template.';
comment on column oncebox.sms_cost.without_text is 'Of messages: their text is no longer kept, so their parts are not counted.';
comment on column oncebox.sms_cost.cost is 'What the provider charged for those of which it told, in the account''s currency.';
comment on column oncebox.sms_cost.estimated is 'What those of which it has not told would cost, at the last price of a part.';
