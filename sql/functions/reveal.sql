-- oncebox.reveal(lead_id, actor, reason) -> the person's own data, unmasked
--
-- For who has to call or write to somebody. Audited in the same transaction: who looked, and why.
--
-- Refuses  OB005 there is no such lead.
create or replace function oncebox.reveal(lead_id uuid, actor text, reason text)
returns table (
  name  text,
  phone text,
  email text
)
language plpgsql
as $$
#variable_conflict use_column
begin
  return query
  select l.name, l.phone, l.email
    from public.landing_leads as l
   where l.id = reveal.lead_id;
  if not found then
    raise exception using
      errcode = 'OB005',
      message = format('there is no lead %s', reveal.lead_id),
      hint    = 'Look it up by number, address or id.';
  end if;
  perform oncebox.note_act(actor, 'reveal', null, reason, reveal.lead_id);
end
$$;
