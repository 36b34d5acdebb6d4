-- Did anyone get two?
--
-- Read   verdict "two": two attempts at one notification were taken by the provider.
--        "perhaps": it was sent again after an attempt that may have gone out; evidence says on what
--        grounds. Where an attempt acts on the same campaign as the one before (campaign mode) the
--        provider itself refuses a second send, and it is not listed.
--        "two leads": one recipient was registered twice and got a message for each, within a day.
-- Next   "two", "perhaps": oncebox notifications show ID, and compare with the provider's own list.
--        "two leads": the form was sent twice with other keys; give one submission one
--        idempotency_key.
-- Cost   Reads every attempt and every sent notification: seconds on millions. It locks nothing.
-- Needs  The owner's rights: it compares recipients, which the views mask.
with tried as (
  select a.notification_id,
         count(*) filter (where a.outcome = 'accepted' or a.code = 'accepted_twice')               as taken,
         count(*) filter (where a.sending_at is not null and a.outcome in ('accepted', 'unknown', 'swept')) as may_be_out,
         count(distinct a.provider_ref)                                                            as provider_refs,
         min(a.sending_at)                                                                         as first_at,
         max(a.sending_at)                                                                         as last_at
    from oncebox.attempt as a
   group by a.notification_id
  having count(*) > 1
)
select case when t.taken > 1 then 'two' else 'perhaps' end as verdict,
       n.id::text                                          as notifications,
       n.channel,
       n.recipient,
       t.first_at,
       t.last_at,
       coalesce((select string_agg(format('attempt %s: %s, so %s', l.attempt, l.finding, l.verdict), '; ' order by l.at)
                   from oncebox.lookups as l
                  where l.notification_id = n.id
                    and l.verdict <> 'later'),
                (select string_agg(format('%s: %s', h.by, h.detail), '; ' order by h.at)
                   from oncebox.lead_history as h
                  where h.lead_id = n.lead_id
                    and h.notification_id = n.id
                    and h.event = 'resolve'),
                'none')                                    as evidence
  from tried as t
  join oncebox.notifications as n
    on n.id = t.notification_id
 where t.taken > 1
    or t.provider_refs > 1
    or (t.may_be_out > 1 and n.campaign_id is null)
union all
select 'two leads',
       format('%s, %s', earlier.id, n.id),
       n.channel,
       case n.channel when 'sms' then oncebox.mask_phone(n.recipient) else oncebox.mask_email(n.recipient) end,
       earlier.settled_at,
       n.settled_at,
       format('leads %s and %s', earlier.lead_id, n.lead_id)
  from (
    select s.*,
           lag(s.id)      over same_person as earlier_id
      from oncebox.notification as s
     where s.state = 'sent'
    window same_person as (partition by s.channel, s.kind, lower(s.recipient) order by s.settled_at, s.id)) as n
  join oncebox.notification as earlier
    on earlier.id = n.earlier_id
   and earlier.settled_at > n.settled_at - interval '1 day'
 order by last_at desc
 limit 500;
