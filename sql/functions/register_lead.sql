-- oncebox.register_lead(name, phone, email, ..) -> the lead, and whether this call created it
--
-- Registers one lead, in the caller's transaction: the lead, one SMS if it has a phone, one email
-- if it has an email, and the jobs that wake a worker commit or roll back together with whatever
-- else the transaction did.
--
-- Every argument but one of phone and email is optional.
--   name             shown in texts as {{name}}, if it looks like a name
--   phone            a mobile number: +7 777 123 45 67, 8 (777) 123-45-67, 7771234567, +998 90 ..
--   email            one plain address
--   source           the form or program it came from; keys are unique per source
--   idempotency_key  the same key with the same content returns the first lead, created = false
--   due_at           when to send; default now() + the delay in oncebox.setting (10 minutes)
--   data             variables of the texts, such as {"result_url": ".."}
--   kind             which templates to use; default proftest
--   expires_at       not sent after this
--   sms_text, email_subject, email_text   instead of the templates
--
-- Refuses  OB001 an argument is wrong, OB002 the key belongs to other content, OB003 there is no
--          template, OB004 a text needs a variable that is not there; column names the argument.
--          Nothing is registered, and the caller's transaction is aborted, as after any error.
create or replace function oncebox.register_lead(
  name            text        default null,
  phone           text        default null,
  email           text        default null,
  source          text        default null,
  idempotency_key text        default null,
  due_at          timestamptz default null,
  data            jsonb       default null,
  kind            text        default null,
  expires_at      timestamptz default null,
  sms_text        text        default null,
  email_subject   text        default null,
  email_text      text        default null
) returns table (
  lead_id uuid,
  created boolean
)
language plpgsql
as $$
#variable_conflict use_variable
declare
  v_problem jsonb;
begin
  select r.lead_id, r.created, r.problem
    into lead_id, created, v_problem
    from oncebox.register_each(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
           'name', name, 'phone', phone, 'email', email, 'source', source,
           'idempotency_key', idempotency_key, 'due_at', due_at, 'kind', kind,
           'expires_at', expires_at, 'sms_text', sms_text, 'email_subject', email_subject,
           'email_text', email_text)) || jsonb_build_object('data', data))) as r;
  if v_problem is not null then
    raise exception using
      errcode = v_problem ->> 'code',
      message = v_problem ->> 'message',
      hint    = v_problem ->> 'hint',
      column  = coalesce(v_problem ->> 'field', '');
  end if;
  return next;
end
$$;
