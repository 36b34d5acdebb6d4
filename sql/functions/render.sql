-- oncebox.render(template, variables) -> the text with every tag replaced
--
-- Tags     {{name}} and {{name|default text}}, spaces allowed inside the braces; a name is a
--          letter or _, then letters, digits and _ (ASCII). The default is taken when the
--          variable is missing, null or empty, and holds no brace. Without one that is ''.
-- Keeps    everything else as it is, single or unbalanced braces too.
-- Inert    a value is text, never a template: {{..}} in it stays as it is. Only strings,
--          numbers and booleans are values, cleaned by clean_text; the rest counts as missing.
-- Returns  null when the template is null.
create or replace function oncebox.render(template text, variables jsonb)
returns text
language plpgsql
immutable
parallel safe
as $$
declare
  -- What no template has in it, unless it was written for that.
  v_cut   text := E'\x01' || hashtextextended(template, 0);
  -- Cut once, into text, name, default, text, name, default, .. text; so what was put in is never read again.
  v_parts text[] := string_to_array(
    regexp_replace(template, '\{\{ *([A-Za-z_][A-Za-z0-9_]*) *(?:\|([^{}]*))?\}\}',
                   format('%1$s\1%1$s\2%1$s', v_cut), 'g'),
    v_cut);
  v_value text;
begin
  for v_index in 2 .. coalesce(cardinality(v_parts), 0) by 3 loop
    v_value := case
                 when jsonb_typeof(variables -> v_parts[v_index]) in ('string', 'number', 'boolean') then
                   oncebox.clean_text(variables ->> v_parts[v_index])
               end;
    v_parts[v_index] := v_value;
    v_parts[v_index + 1] := case when coalesce(v_value, '') = '' then btrim(v_parts[v_index + 1], ' ') end;
  end loop;
  return array_to_string(v_parts, '');
end
$$;
