-- oncebox.queue: what waits, by channel. For who asks every few seconds.
--
-- Reads only what is not over, by the partial indexes of it (notification_due, notification_lease,
-- notification_unknown): 2 ms with a million final rows and a thousand due ones, where oncebox.health
-- takes 760 (PostgreSQL 18, two cores). A test holds the plan.
create or replace view oncebox.queue as
select c.channel,
       coalesce(d.due, 0)     as due,
       coalesce(k.claimed, 0) as claimed,
       coalesce(u.unknown, 0) as unknown,
       coalesce(d.held, 0)    as held,
       d.oldest_due_at,
       u.oldest_unknown_at,
       c.paused_until,
       c.pause_reason,
       c.balance,
       c.balance_currency,
       c.balance_at,
       c.balance_low_at,
       c.segment_price
  from oncebox.channel as c
  left join (
    select n.channel,
           count(*) filter (where not n.is_held)      as due,
           count(*) filter (where n.is_held)          as held,
           min(n.due_at) filter (where not n.is_held) as oldest_due_at
      from oncebox.notification as n
     where n.state = 'pending'
       and n.due_at <= now()
     group by n.channel) as d
    on d.channel = c.channel
  left join (
    select n.channel,
           count(*) as claimed
      from oncebox.notification as n
     where n.state = 'claimed'
     group by n.channel) as k
    on k.channel = c.channel
  left join (
    select n.channel,
           count(*)          as unknown,
           min(a.started_at) as oldest_unknown_at
      from oncebox.notification as n
      join oncebox.attempt as a
        on a.notification_id = n.id
       and a.attempt = n.attempt
     where n.state = 'unknown'
     group by n.channel) as u
    on u.channel = c.channel;
comment on view oncebox.queue is 'What waits, by channel: due, claimed, in doubt, held. No person''s data. Reads only what is not over.';
comment on column oncebox.queue.due is 'Pending, due by now, and not held.';
comment on column oncebox.queue.unknown is 'May have gone out: the provider is asked, or a person is.';
comment on column oncebox.queue.held is 'Due, and not sent before a comparison, because the database is another one than it was; see oncebox.guard.';
comment on column oncebox.queue.oldest_due_at is 'Of those that are due; more than seconds ago = something is stuck.';
comment on column oncebox.queue.oldest_unknown_at is 'When the last attempt of the oldest one in doubt began.';
comment on column oncebox.queue.paused_until is 'Null = the channel is open. In the past = one claim at a time may try whether it is well again.';
comment on column oncebox.queue.pause_reason is 'The code that paused it.';
comment on column oncebox.queue.balance is 'What is left on the provider''s account; null = it was never read.';
comment on column oncebox.queue.balance_currency is 'In three letters (ISO 4217).';
comment on column oncebox.queue.balance_at is 'When it was last read.';
comment on column oncebox.queue.balance_low_at is 'Since when it is below MOBIZON_BALANCE_WARN; null = it is not.';
comment on column oncebox.queue.segment_price is 'What the provider last charged for a part of an SMS; null = it has not told.';
