-- oncebox.missing_variables(wanted, lead_name, data) -> the wanted template variables that are not there
--
-- The same rules as render: name is the lead's name as it may be shown to a person, everything
-- else comes from data, and an empty value is not there.
create or replace function oncebox.missing_variables(wanted text[], lead_name text, data jsonb)
returns text[]
language sql
immutable
parallel safe
as $$
  select array_agg(w.variable order by w.variable)
    from unnest(wanted) as w (variable)
   where case w.variable
           when 'name' then oncebox.display_name(lead_name) is null
           else jsonb_typeof(data -> w.variable) not in ('string', 'number', 'boolean')
                or coalesce(oncebox.clean_text(data ->> w.variable), '') = ''
                or data -> w.variable is null
         end;
$$;
