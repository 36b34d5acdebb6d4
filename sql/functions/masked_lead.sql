-- oncebox.masked_lead(lead_id) -> the lead as it may be shown: one row or none
--
-- A function, because an adopted public.landing_leads may have columns of other types, and a view over
-- them would not be the same everywhere.
create or replace function oncebox.masked_lead(lead_id uuid)
returns table (
  name       text,
  phone      text,
  email      text,
  created_at timestamptz
)
language sql
stable
as $$
  select oncebox.mask_name(l.name), oncebox.mask_phone(l.phone), oncebox.mask_email(l.email), l.created_at
    from public.landing_leads as l
   where l.id = masked_lead.lead_id;
$$;
