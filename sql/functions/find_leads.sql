-- oncebox.find_leads(person) -> the ids of the leads with this number or address, the newest first
--
-- Fast, for a search field: a number in any form that parse_phone takes, or an address, by the recipients
-- of notifications. oncebox.leads_of looks through every lead, too.
--
-- Returns  at most 20.
-- Cost     one look into an index.
create or replace function oncebox.find_leads(person text)
returns setof uuid
language sql
stable
as $$
  select n.lead_id
    from (select coalesce((select p.phone from oncebox.parse_phone(person) as p),
                          (select m.email from oncebox.parse_email(person) as m))) as asked (recipient)
    join oncebox.notification as n
      on n.recipient = asked.recipient
   group by n.lead_id
   order by max(n.created_at) desc
   limit 20;
$$;
