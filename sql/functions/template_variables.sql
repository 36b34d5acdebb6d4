-- oncebox.template_variables(template) -> the variables it cannot do without, sorted
--
-- Each name once. A variable is required when it stands in a tag without a default at least
-- once; oncebox.render says what a tag is. No tags, or null: an empty array.
create or replace function oncebox.template_variables(template text)
returns text[]
language sql
immutable
parallel safe
as $$
  select coalesce(array_agg(distinct tag.part[1] collate "C"), '{}')
    from regexp_matches(template, '\{\{ *([A-Za-z_][A-Za-z0-9_]*) *(?:\|([^{}]*))?\}\}', 'g') as tag (part)
   where tag.part[2] is null;
$$;
