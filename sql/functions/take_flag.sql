-- oncebox.take_flag(lead_id, channel) -> whether the lead's flag was false and is now ours
--
-- The claim itself: one atomic update of landing_leads.sms_sent or email_sent. Whoever sets the
-- flag first, this program or an old backend, has the right to send; everyone else gets false.
--
-- Locks    the lead row until commit.
create or replace function oncebox.take_flag(lead_id uuid, channel text)
returns boolean
language plpgsql
as $$
begin
  -- "is not true" and not "= false": an adopted table may hold nulls.
  if channel = 'sms' then
    update public.landing_leads as l
       set sms_sent = true
     where l.id = take_flag.lead_id
       and l.sms_sent is not true;
  else
    update public.landing_leads as l
       set email_sent = true
     where l.id = take_flag.lead_id
       and l.email_sent is not true;
  end if;
  return found;
end
$$;
