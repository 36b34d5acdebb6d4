-- oncebox.save_template(kind, channel, subject, body, actor, reason) -> nothing
--
-- Writes the text of a kind and channel, new or instead of what is there; audited. What is registered
-- already and was not tried yet gets the new text, too.
--
-- Locks    the template's row until commit.
create or replace function oncebox.save_template(
  kind    text,
  channel text,
  subject text,
  body    text,
  actor   text,
  reason  text
) returns void
language sql
as $$
  insert into oncebox.template as t (kind, channel, subject, body)
  values (save_template.kind, save_template.channel, save_template.subject, save_template.body)
  on conflict (kind, channel) do update
     set subject    = excluded.subject,
         body       = excluded.body,
         updated_at = clock_timestamp();
  select oncebox.note_act(save_template.actor, 'save_template', save_template.kind || ' ' || save_template.channel, save_template.reason);
$$;
