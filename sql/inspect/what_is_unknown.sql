-- What may have gone out, and nobody knows?
--
-- Read   One row a notification in doubt, the oldest first, at most 200. asked: how often the provider
--        was asked since, and what it last said; asks_again: when it is asked next. Null there = it
--        is not asked any more, and waits for you.
-- Next   Leave it alone while asks_again is set and asked grows. Otherwise find it in the provider's
--        own list by reference (the campaign's name; the Message-ID's local part), then say what you
--        found: oncebox notifications resolve ID --sent | --send-again | --not-sent --reason ..
-- Cost   Milliseconds: by index, what is unknown.
-- Needs  oncebox_reader.
select n.id,
       n.channel,
       n.recipient,
       n.state_reason,
       a.started_at     as in_doubt_since,
       n.reference,
       n.campaign_id,
       k.asked,
       k.last_finding,
       n.look_up_at     as asks_again,
       case
         when n.state_reason = 'killed_its_worker' then 'three workers died with it: look at it before you send it again'
         when n.look_up_at is not null and n.channel = 'sms' then 'the provider is being asked'
         when n.channel = 'email' then 'SMTP cannot be asked: look into the mail server''s log'
         else 'look into the provider''s own list'
       end              as next
  from oncebox.notifications as n
  left join oncebox.attempts as a
    on a.notification_id = n.id
   and a.attempt = n.attempt
  left join lateral (
    select count(*)                                     as asked,
           (array_agg(l.finding order by l.at desc))[1] as last_finding
      from oncebox.lookups as l
     where l.notification_id = n.id
       and l.attempt = n.attempt) as k on true
 where n.state = 'unknown'
 order by a.started_at
 limit 200;
