-- Trigger: a notification inserted without a recipient gets its lead's, in the one right form.
create or replace function oncebox.notification_before_insert()
returns trigger
language plpgsql
as $$
declare
  v_field   text := case new.channel when 'sms' then 'phone' else 'email' end;
  v_raw     text;
  v_problem jsonb;
begin
  if new.channel = 'sms' then
    select l.phone, p.phone, case when p.problem is not null then oncebox.input_problem('phone', p.problem, l.phone) end
      into v_raw, new.recipient, v_problem
      from public.landing_leads as l
      left join lateral oncebox.parse_phone(l.phone) as p on l.phone is not null
     where l.id = new.lead_id;
  else
    select l.email, m.email, case when m.problem is not null then oncebox.input_problem('email', m.problem, l.email) end
      into v_raw, new.recipient, v_problem
      from public.landing_leads as l
      left join lateral oncebox.parse_email(l.email) as m on l.email is not null
     where l.id = new.lead_id;
  end if;
  if new.recipient is null then
    raise exception using
      errcode = 'OB001',
      message = coalesce(v_problem ->> 'message', format('the lead has no %s', v_field)),
      hint    = coalesce(v_problem ->> 'hint', format('Give recipient, or give the lead a %s first.', v_field)),
      column  = 'recipient';
  end if;
  return new;
end
$$;

create or replace trigger notification_before_insert
  before insert on oncebox.notification
  for each row
  when (new.recipient is null)
  execute function oncebox.notification_before_insert();
