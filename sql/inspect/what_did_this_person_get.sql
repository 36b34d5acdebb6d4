-- What did this person get, and when?
--
--   psql -v person='+7 777 123 45 67' -f sql/inspect/what_did_this_person_get.sql
--
-- Read   Every event of every lead with this number (in any form) or address, the oldest first.
--        "accepted" = the provider took it then; "is sent" = so it counts. No row = nobody of that
--        name in this database: look for a typing error, or for the lead in public.landing_leads.
-- Next   oncebox notifications show ID has the provider's own words for each attempt.
-- Cost   Reads public.landing_leads and oncebox.notification once: they have no index for it.
-- Needs  oncebox_operator.
\if :{?person}
\else
\echo 'Say who: psql -v person=''+7 777 123 45 67'' -f what_did_this_person_get.sql'
\quit
\endif
select h.at,
       h.lead_id,
       h.notification_id,
       h.channel,
       h.event,
       h.detail,
       h.by
  from oncebox.leads_of(:'person') as l (lead_id)
  join oncebox.lead_history as h
    on h.lead_id = l.lead_id
 order by h.at, h.notification_id, h.event;
