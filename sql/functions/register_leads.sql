-- oncebox.register_leads(leads, skip_refused) -> one row a record, by its place from 1
--
-- Registers many leads at once, in the caller's transaction. Each record is an object with the
-- names of register_lead's arguments.
--
-- Returns  created = false when the same idempotency_key (per source) came before with the same
--          content: lead_id is that first lead's, and nothing new will be sent.
-- Refuses  as register_lead does, and the whole call fails with the first refusal; or, with
--          skip_refused, a refused record has lead_id null and problem {"code", "field",
--          "message", "hint"}, and the others are registered.
create or replace function oncebox.register_leads(leads jsonb, skip_refused boolean default false)
returns table (
  record  integer,
  lead_id uuid,
  created boolean,
  problem jsonb
)
language plpgsql
as $$
begin
  if jsonb_typeof(leads) is distinct from 'array' then
    raise exception using
      errcode = 'OB001',
      message = format('leads is %s, wanted a JSON array of objects', coalesce(jsonb_typeof(leads), 'null')),
      hint    = 'Pass [{"name": .., "phone": .., "email": ..}, ..].';
  end if;
  for record, lead_id, created, problem in
    select r.record, r.lead_id, r.created, r.problem from oncebox.register_each(leads) as r
  loop
    if problem is not null and not skip_refused then
      raise exception using
        errcode = problem ->> 'code',
        message = case when jsonb_array_length(leads) > 1 then format('record %s: ', record) else '' end
                  || (problem ->> 'message'),
        hint    = problem ->> 'hint',
        column  = coalesce(problem ->> 'field', '');
    end if;
    return next;
  end loop;
end
$$;
