-- oncebox.recent_leads(phones, window) -> how many leads each number had of late
--
-- For the limits of the HTTP API, against SMS pumping. A number is given in any form that parse_phone
-- takes; what it refuses has no row.
--
-- Returns  phone as it was given; leads that were registered since; when the first of them was.
-- Cost     one look into an index a number.
create or replace function oncebox.recent_leads(phones text[], since interval)
returns table (
  phone    text,
  leads    bigint,
  first_at timestamptz
)
language sql
stable
as $$
  select asked.phone, count(n.id), min(n.created_at)
    from (select distinct p from unnest(phones) as p) as asked (phone)
   cross join lateral oncebox.parse_phone(asked.phone) as parsed
    left join oncebox.notification as n
      on n.recipient = parsed.phone
     and n.created_at > now() - recent_leads.since
   where parsed.phone is not null
   group by asked.phone;
$$;
