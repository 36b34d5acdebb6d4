-- oncebox.put_flag(lead_id, channel, sent, sent_at) -> nothing
--
-- Sets what a settled attempt says of the lead's flag: sent = false only when it is proven that
-- nothing went out, sent_at only when the provider accepted.
--
-- Locks    the lead row until commit.
create or replace function oncebox.put_flag(lead_id uuid, channel text, sent boolean, sent_at timestamptz)
returns void
language sql
as $$
  update public.landing_leads as l
     set sms_sent      = case channel when 'sms' then sent else l.sms_sent end,
         sms_sent_at   = case channel when 'sms' then sent_at else l.sms_sent_at end,
         email_sent    = case channel when 'email' then sent else l.email_sent end,
         email_sent_at = case channel when 'email' then sent_at else l.email_sent_at end
   where l.id = put_flag.lead_id;
$$;
