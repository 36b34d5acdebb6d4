-- oncebox.lead_problem(field, message, hint, code) -> why a record is refused, in one shape
--
-- code is the SQLSTATE that register_lead would raise: OB001 wrong, OB002 key reused,
-- OB003 template missing, OB004 template variable missing.
create or replace function oncebox.lead_problem(field text, message text, hint text, code text default 'OB001')
returns jsonb
language sql
immutable
parallel safe
as $$
  select jsonb_build_object('code', code, 'field', field, 'message', message, 'hint', hint);
$$;
