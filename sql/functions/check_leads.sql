-- oncebox.check_leads(leads) -> each record as it would be registered, or its first problem
--
-- The one place where input rules are put together; register_leads writes what passes.
-- Reads only. An empty or blank text counts as absent.
create or replace function oncebox.check_leads(leads jsonb)
returns table (
  record          integer,
  problem         jsonb,
  name            text,
  phone           text,
  email           text,
  source          text,
  idempotency_key text,
  kind            text,
  data            jsonb,
  due_at          timestamptz,
  expires_at      timestamptz,
  sms_text        text,
  email_subject   text,
  email_text      text,
  fingerprint     bytea
)
language sql
stable
as $$
  with raw as (
    select e.record::integer                                 as record,
           e.lead                                            as lead,
           oncebox.clean_text(e.lead ->> 'name')             as name,
           nullif(btrim(e.lead ->> 'phone'), '')             as phone,
           nullif(btrim(e.lead ->> 'email'), '')             as email,
           coalesce(nullif(btrim(e.lead ->> 'source'), ''), 'default') as source,
           nullif(e.lead ->> 'idempotency_key', '')          as idempotency_key,
           coalesce(nullif(btrim(e.lead ->> 'kind'), ''), 'proftest')  as kind,
           coalesce(nullif(e.lead -> 'data', 'null'), '{}')  as data,
           nullif(btrim(e.lead ->> 'due_at'), '')            as due_at,
           nullif(btrim(e.lead ->> 'expires_at'), '')        as expires_at,
           nullif(e.lead ->> 'sms_text', '')                 as sms_text,
           nullif(oncebox.clean_text(e.lead ->> 'email_subject'), '') as email_subject,
           nullif(e.lead ->> 'email_text', '')               as email_text
      from jsonb_array_elements(leads) with ordinality as e (lead, record)
  ), parsed as materialized (
    select r.*,
           p.phone                                           as parsed_phone,
           p.problem                                         as phone_problem,
           m.email                                           as parsed_email,
           m.problem                                         as email_problem,
           case when r.due_at is not null then oncebox.parse_time(r.due_at) end         as parsed_due_at,
           case when r.expires_at is not null then oncebox.parse_time(r.expires_at) end as parsed_expires_at
      from raw as r
      left join lateral oncebox.parse_phone(r.phone) as p on r.phone is not null
      left join lateral oncebox.parse_email(r.email) as m on r.email is not null
  )
  select r.record,
         case
           when jsonb_typeof(r.lead) <> 'object' then
             oncebox.lead_problem(null, format('the record is %s, wanted an object', jsonb_typeof(r.lead)),
               'Pass {"name": .., "phone": .., "email": ..}.')
           when r.lead - '{name,phone,email,source,idempotency_key,kind,data,due_at,expires_at,sms_text,email_subject,email_text}'::text[] <> '{}' then
             (select oncebox.lead_problem(left(min(k.field), 60), format('%s is not a field of a lead', to_json(left(min(k.field), 60))),
                       'Put what belongs to the lead, such as variables of its texts, into data.')
                from jsonb_object_keys(r.lead - '{name,phone,email,source,idempotency_key,kind,data,due_at,expires_at,sms_text,email_subject,email_text}'::text[]) as k (field))
           when r.phone is null and r.email is null then
             oncebox.lead_problem('phone', 'the lead has neither phone nor email, so it could get nothing',
               'Give at least one of the two.')
           when r.phone_problem is not null then
             oncebox.input_problem('phone', r.phone_problem, r.phone)
           when r.email_problem is not null then
             oncebox.input_problem('email', r.email_problem, r.email)
           when length(r.name) > 200 then
             oncebox.lead_problem('name', format('name has %s characters, wanted at most 200', length(r.name)),
               'Shorten it; what does not fit may go into data.')
           when length(r.source) > 100 then
             oncebox.lead_problem('source', format('source has %s characters, wanted at most 100', length(r.source)),
               'Name the form or program, such as "proftest".')
           when length(r.idempotency_key) > 255 or r.idempotency_key ~ '[[:cntrl:]]' then
             oncebox.lead_problem('idempotency_key',
               format('idempotency_key has %s characters, wanted 1 to 255 without control characters', length(r.idempotency_key)),
               'Use what makes the submission unique, such as "form-8f2c".')
           when r.kind !~ '^[A-Za-z0-9_.-]{1,50}$' then
             oncebox.lead_problem('kind', format('kind is %s, wanted 1 to 50 letters, digits, "_", "." or "-"', to_json(left(r.kind, 60))),
               'Use the kind of a row in oncebox.template.')
           when jsonb_typeof(r.data) <> 'object' then
             oncebox.lead_problem('data', format('data is %s, wanted an object', jsonb_typeof(r.data)),
               'Pass {"result_url": ".."}.')
           when octet_length(r.data::text) > 16384 then
             oncebox.lead_problem('data', format('data has %s bytes, wanted at most 16384', octet_length(r.data::text)),
               'Keep there only what the texts need.')
           when r.due_at is not null and r.parsed_due_at is null then
             oncebox.lead_problem('due_at', format('due_at is %s, wanted a time between 2000 and 2099', to_json(left(r.due_at, 60))),
               'Write it as 2026-01-31 18:00:00+05, or now.')
           when r.expires_at is not null and r.parsed_expires_at is null then
             oncebox.lead_problem('expires_at', format('expires_at is %s, wanted a time between 2000 and 2099', to_json(left(r.expires_at, 60))),
               'Write it as 2026-01-31 18:00:00+05.')
           when length(r.sms_text) > 1000 then
             oncebox.lead_problem('sms_text', format('sms_text has %s characters, wanted at most 1000', length(r.sms_text)),
               'Shorten it; one SMS holds 70 Cyrillic characters, a long one is paid for in parts.')
           when length(r.email_subject) > 500 or length(r.email_text) > 20000 then
             oncebox.lead_problem('email_text', 'email_subject has more than 500 characters or email_text more than 20000',
               'Shorten them.')
           when r.phone is not null and r.sms_text is null and sms.kind is null then
             oncebox.lead_problem('kind', format('there is no sms template of kind %s', to_json(r.kind)),
               'Insert one into oncebox.template, or give sms_text.', 'OB003')
           when r.email is not null and (r.email_text is null or r.email_subject is null) and mail.kind is null then
             oncebox.lead_problem('kind', format('there is no email template of kind %s', to_json(r.kind)),
               'Insert one into oncebox.template, or give email_subject and email_text.', 'OB003')
           when missing.variables is not null then
             oncebox.lead_problem('data', format('the %s texts need %s, which the lead does not bring', r.kind, array_to_string(missing.variables, ', ')),
               'Give them in data, or give the template a default: {{variable|default}}.', 'OB004')
           when r.phone is not null and r.sms_text is null and oncebox.is_too_long(sms.body, r.name, r.data, 1000) then
             oncebox.lead_problem('data', 'data makes the sms text longer than 1000 characters',
               'Bring shorter values, such as a shorter link.')
           when r.email is not null and r.email_subject is null and oncebox.is_too_long(mail.subject, r.name, r.data, 500) then
             oncebox.lead_problem('data', 'data makes the email subject longer than 500 characters',
               'Bring shorter values.')
           when r.email is not null and r.email_text is null and oncebox.is_too_long(mail.body, r.name, r.data, 20000) then
             oncebox.lead_problem('data', 'data makes the email text longer than 20000 characters',
               'Bring shorter values.')
         end,
         nullif(r.name, ''),
         r.parsed_phone,
         r.parsed_email,
         r.source,
         r.idempotency_key,
         r.kind,
         r.data,
         coalesce(r.parsed_due_at, now() + setting.delay),
         r.parsed_expires_at,
         r.sms_text,
         r.email_subject,
         r.email_text,
         -- jsonb sorts its keys, so the same content has the same text however it was written.
         sha256(convert_to(jsonb_build_object(
           'name', r.name, 'phone', r.parsed_phone, 'email', r.parsed_email, 'kind', r.kind, 'data', r.data,
           'sms_text', r.sms_text, 'email_subject', r.email_subject, 'email_text', r.email_text)::text, 'UTF8'))
    from parsed as r
   cross join oncebox.setting as setting
    left join oncebox.template as sms
      on sms.kind = r.kind
     and sms.channel = 'sms'
    left join oncebox.template as mail
      on mail.kind = r.kind
     and mail.channel = 'email'
   cross join lateral (
      -- Most templates want none: as a condition of the join it would be asked after the function was called.
      select case
               when sms.variables <> '{}' or mail.variables <> '{}' then
                 oncebox.missing_variables(
                   case when r.phone is not null and r.sms_text is null then sms.variables else '{}' end
                   || case when r.email is not null and (r.email_text is null or r.email_subject is null) then mail.variables else '{}' end,
                   r.name, r.data)
             end as variables
    ) as missing;
$$;
