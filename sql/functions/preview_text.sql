-- oncebox.preview_text(channel, subject, body, name, data) -> what a person would get
--
-- Renders texts that are not saved yet, as the first claim would.
--
-- Returns  segments: how many SMS it is paid as; null for an email. missing: the variables without a
--          default that name and data do not bring.
create or replace function oncebox.preview_text(channel text, subject text, body text, name text, data jsonb)
returns table (
  rendered_subject text,
  rendered_body    text,
  segments         integer,
  missing          text[]
)
language sql
stable
as $$
  select oncebox.render(preview_text.subject, v.variables),
         r.body,
         case when preview_text.channel = 'sms' then oncebox.sms_segments(r.body) end,
         coalesce(oncebox.missing_variables(
           oncebox.template_variables(preview_text.body) || oncebox.template_variables(coalesce(preview_text.subject, '')),
           preview_text.name, coalesce(preview_text.data, '{}')), '{}')
    -- "offset 0", so that each is made once, however often it is read.
    from (select coalesce(preview_text.data, '{}')
                 || jsonb_build_object('name', oncebox.display_name(preview_text.name))
          offset 0) as v (variables)
   cross join lateral (select oncebox.render(preview_text.body, v.variables) offset 0) as r (body);
$$;
