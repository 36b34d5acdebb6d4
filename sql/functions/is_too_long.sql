-- oncebox.is_too_long(template, lead_name, data, at_most) -> whether the text rendered of it has more characters
--
-- For registration, so that nobody's data makes an SMS of two hundred parts. Renders only what
-- could be too long at all: a tag becomes its default or a value, and no value is longer than the
-- data, nor a name than 40.
create or replace function oncebox.is_too_long(template text, lead_name text, data jsonb, at_most integer)
returns boolean
language plpgsql
immutable
parallel safe
as $$
declare
  v_tags integer := (length(template) - length(replace(template, '{{', ''))) / 2;
begin
  if length(template) + v_tags * (40 + octet_length(data::text)) <= at_most then
    return false;
  end if;
  return length(oncebox.render(template, data || jsonb_build_object('name', oncebox.display_name(lead_name)))) > at_most;
end
$$;
