-- oncebox.leads_of(person) -> the ids of the leads with this number or address
--
-- For the question what somebody got: a number in any form that parse_phone takes, or an address.
-- Finds the lead by its own columns, in any form that they were typed in, and by the recipient of its
-- notifications.
--
-- Cost     reads public.landing_leads and oncebox.notification as a whole: they have no index for it.
create or replace function oncebox.leads_of(person text)
returns setof uuid
language sql
stable
as $$
  with asked as (
    select btrim(person)                                                    as typed,
           coalesce((select p.phone from oncebox.parse_phone(person) as p),
                    (select m.email from oncebox.parse_email(person) as m)) as parsed
  )
  select l.id
    from asked as a
    join public.landing_leads as l
      on l.phone in (a.typed, a.parsed)
      or lower(btrim(l.email)) in (lower(a.typed), lower(a.parsed))
      -- Typed in another form. The last digits are asked first: parsing costs far more.
      or (right(regexp_replace(l.phone, '\D', '', 'g'), 7) = right(a.parsed, 7)
          and (select p.phone from oncebox.parse_phone(l.phone) as p) = a.parsed)
  union
  select n.lead_id
    from asked as a
    join oncebox.notification as n
      on lower(n.recipient) = lower(a.parsed);
$$;
