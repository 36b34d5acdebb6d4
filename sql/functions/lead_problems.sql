-- oncebox.lead_problems(lead) -> every field of a record that is wrong, each with what and why
--
-- For whoever shows a form's errors beside its fields: check_leads stops at a record's first problem.
-- What was found wrong is left out, or replaced where it may not be missing, and the rest asked again;
-- until a problem may come from that. Reads only.
create or replace function oncebox.lead_problems(lead jsonb)
returns table (problem jsonb)
language plpgsql
stable
as $$
declare
  v_lead    jsonb := lead;
  v_seen    text[] := '{}';
  v_problem jsonb;
  v_field   text;
begin
  loop
    select c.problem into v_problem from oncebox.check_leads(jsonb_build_array(v_lead)) as c;
    v_field := v_problem ->> 'field';
    exit when v_problem is null
           or v_seen <> '{}' and (v_problem ->> 'code' <> 'OB001' or v_field = any (v_seen));
    problem := v_problem;
    return next;
    exit when v_field is null or v_problem ->> 'code' <> 'OB001';
    v_seen := v_seen || v_field;
    v_lead := v_lead - v_field;
    -- Without a phone and an email it would be refused for that.
    if v_lead ->> 'phone' is null and v_lead ->> 'email' is null then
      v_lead := v_lead || '{"email": "a@example.kz"}';
    end if;
  end loop;
end
$$;
