-- oncebox.send_test(kind, channel, recipient, name, data, actor) -> the lead it made
--
-- Registers a lead of source "test" that is due now, so that somebody sees what a text looks like when
-- it lands; audited.
--
-- Refuses  as register_lead does.
create or replace function oncebox.send_test(
  kind      text,
  channel   text,
  recipient text,
  name      text,
  data      jsonb,
  actor     text
) returns uuid
language plpgsql
as $$
declare
  v_lead_id uuid;
begin
  select r.lead_id
    into v_lead_id
    from oncebox.register_lead(
           name   => send_test.name,
           phone  => case when send_test.channel = 'sms' then send_test.recipient end,
           email  => case when send_test.channel = 'email' then send_test.recipient end,
           source => 'test',
           due_at => now(),
           data   => send_test.data,
           kind   => send_test.kind) as r;
  perform oncebox.note_act(actor, 'send_test', send_test.kind || ' ' || send_test.channel, 'to see what it looks like', v_lead_id);
  return v_lead_id;
end
$$;
