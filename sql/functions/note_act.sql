-- oncebox.note_act(actor, action, subject, reason, lead_id) -> nothing
--
-- Writes down an act that moves no notification, for ever.
create or replace function oncebox.note_act(actor text, action text, subject text, reason text, lead_id uuid default null)
returns void
language sql
as $$
  insert into oncebox.audit (actor, action, subject, reason, lead_id)
  values (left(note_act.actor, 200), note_act.action, left(note_act.subject, 200), left(note_act.reason, 2000), note_act.lead_id);
$$;
