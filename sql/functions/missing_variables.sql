-- oncebox.missing_variables(wanted, lead_name, data) -> the wanted template variables that are not there, sorted
--
-- The same rules as render: name is the lead's name as it may be shown to a person, everything
-- else comes from data, and an empty value is not there. Each once; null when none is missing.
create or replace function oncebox.missing_variables(wanted text[], lead_name text, data jsonb)
returns text[]
language plpgsql
immutable
parallel safe
as $$
declare
  v_variable text;
  v_missing  text[];
begin
  foreach v_variable in array coalesce(wanted, '{}') loop
    if (case
          when v_variable = 'name' then oncebox.display_name(lead_name) is null
          else coalesce(jsonb_typeof(data -> v_variable), 'null') not in ('string', 'number', 'boolean')
               or coalesce(oncebox.clean_text(data ->> v_variable), '') = ''
        end)
    then
      v_missing := v_missing || v_variable;
    end if;
  end loop;
  if v_missing is null then
    return null;
  end if;
  return (select array_agg(distinct m.variable) from unnest(v_missing) as m (variable));
end
$$;
