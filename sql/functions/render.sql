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
language sql
immutable
parallel safe
as $$
  -- The template is cut once, into the texts between the tags and the tags, side by side; so
  -- what was put in is never read again.
  select string_agg(part.literal || coalesce(nullif(value.text, ''), btrim(part.tag[2], ' '), ''), '' order by part.n)
    from rows from (
           regexp_split_to_table(template, '\{\{ *([A-Za-z_][A-Za-z0-9_]*) *(?:\|([^{}]*))?\}\}'),
           regexp_matches(template, '\{\{ *([A-Za-z_][A-Za-z0-9_]*) *(?:\|([^{}]*))?\}\}', 'g')
         ) with ordinality as part (literal, tag, n)
   cross join lateral (
     select case
              when jsonb_typeof(variables -> part.tag[1]) in ('string', 'number', 'boolean') then
                oncebox.clean_text(variables ->> part.tag[1])
            end as text
     offset 0
   ) as value;
$$;
