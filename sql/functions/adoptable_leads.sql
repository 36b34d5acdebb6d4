-- oncebox.adoptable_leads(since, until, kind, channels) -> one row a lead and channel: may it be taken over?
--
-- Looks at the leads that came in from since to just before until, whoever wrote them. Leads without a
-- created_at are not among them: nobody knows when they came. Reads only; cheap with an index on
-- landing_leads (created_at), a scan of the table without. recipient is masked.
--
-- Verdict  adopt                nobody has sent it: adopt_leads would take it over
--          has_row              it is in the outbox already, or was registered through it
--          pruned               it came in before the oldest notification that was kept (see prune): nobody
--                               knows any more whether it had one, or why that was not sent
--          already_sent         its flag is set, or its time of sending
--          no_recipient         it has no phone, or no email
--          bad_recipient        it has one that no message reaches
--          no_template          there is no text of that kind for the channel
--          variable_missing     the text needs more than the lead's name
create or replace function oncebox.adoptable_leads(
  since    timestamptz,
  until    timestamptz,
  kind     text,
  channels text[]
) returns table (
  lead_id    uuid,
  created_at timestamptz,
  channel    text,
  recipient  text,
  verdict    text
)
language sql
stable
as $$
  select l.id,
         l.created_at,
         c.channel,
         case c.channel when 'sms' then oncebox.mask_phone(parsed.recipient) else oncebox.mask_email(parsed.recipient) end,
         case
           when known.has_row then 'has_row'
           when l.created_at < g.pruned_until then 'pruned'
           when c.is_sent then 'already_sent'
           when c.raw is null then 'no_recipient'
           when parsed.recipient is null then 'bad_recipient'
           when t.kind is null then 'no_template'
           when oncebox.missing_variables(t.variables, l.name, '{}') is not null then 'variable_missing'
           else 'adopt'
         end
    from public.landing_leads as l
   cross join oncebox.setting as g
   cross join lateral (values
     ('sms',   nullif(btrim(l.phone), ''), l.sms_sent is true or l.sms_sent_at is not null),
     ('email', nullif(btrim(l.email), ''), l.email_sent is true or l.email_sent_at is not null)
   ) as c (channel, raw, is_sent)
   cross join lateral (
     select exists (
              select
                from oncebox.notification as n
               where n.lead_id = l.id
                 and n.channel = c.channel)
         or exists (
              select
                from oncebox.registration as r
               where r.lead_id = l.id) as has_row
   ) as known
    -- Each asked only for its own channel, and only where it matters: a number costs a few microseconds.
    left join lateral (
      select p.phone as recipient
        from oncebox.parse_phone(c.raw) as p
       where c.channel = 'sms'
         and not c.is_sent
      union all
      select m.email
        from oncebox.parse_email(c.raw) as m
       where c.channel = 'email'
         and not c.is_sent
    ) as parsed on true
    left join oncebox.template as t
      on t.kind = adoptable_leads.kind
     and t.channel = c.channel
   where l.created_at >= since
     and l.created_at < until
     and c.channel = any (channels);
$$;
