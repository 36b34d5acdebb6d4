-- oncebox.next_hour: how much becomes due in each of the next 60 minutes.
--
-- Reads what becomes due by then, by index; what is due already is not in it. Minutes in which nothing
-- becomes due are not there.
create or replace view oncebox.next_hour as
select date_trunc('minute', n.due_at) as minute,
       n.channel,
       count(*)                       as pending
  from oncebox.notification as n
 where n.state = 'pending'
   and n.due_at > now()
   and n.due_at < date_trunc('minute', now()) + interval '60 minutes'
 group by 1, 2;
comment on view oncebox.next_hour is 'How much becomes due in each of the next 60 minutes, by channel. No person''s data.';
comment on column oncebox.next_hour.minute is 'Its beginning.';
comment on column oncebox.next_hour.pending is 'Becomes due in it.';
