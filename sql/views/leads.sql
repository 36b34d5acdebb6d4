-- oncebox.leads: every lead, masked, and where its registration came from.
create or replace view oncebox.leads as
select l.id,
       m.name,
       m.phone,
       m.email,
       m.created_at,
       r.source,
       r.kind,
       r.repeats,
       r.erased_at
  from public.landing_leads as l
 cross join lateral oncebox.masked_lead(l.id) as m
  left join oncebox.registration as r
    on r.lead_id = l.id;
comment on view oncebox.leads is 'Every lead, masked, and what it came with. Ask it by id.';
comment on column oncebox.leads.name is 'Masked.';
comment on column oncebox.leads.phone is 'Masked.';
comment on column oncebox.leads.email is 'Masked.';
comment on column oncebox.leads.created_at is 'When it came in; null where an adopted lead does not say.';
comment on column oncebox.leads.source is 'The form or program it came from; null = it was not registered through oncebox.';
comment on column oncebox.leads.kind is 'Which texts it gets.';
comment on column oncebox.leads.repeats is 'How many times the same registration came again.';
comment on column oncebox.leads.erased_at is 'When its person was erased.';
