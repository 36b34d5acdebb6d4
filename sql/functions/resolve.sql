-- oncebox.resolve(notification_id, state, actor, reason, provider_ref) -> nothing
--
-- Decides an outcome in doubt, on the provider's record or a person's word.
--
-- Moves    unknown -> sent      it went out
--          unknown -> failed    it did not, and shall not
--          unknown -> pending   it provably did not, and shall be sent: due at once
--          held -> cancelled    (already_sent) it went out
--          held -> let go       it did not, and shall be sent
--          always audited, with the reason.
-- Refuses  OB005 there is none; OB006 it is not unknown, or the state is none of the three.
-- Locks    the notification row, then the lead row, until commit.
create or replace function oncebox.resolve(
  notification_id bigint,
  state           text,
  actor           text,
  reason          text,
  provider_ref    text default null
) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  v_state text := oncebox.lock_state(notification_id);
  v_row   oncebox.notification;
begin
  select n.* into v_row from oncebox.notification as n where n.id = resolve.notification_id;
  if v_row.is_held and resolve.state in ('sent', 'pending') then
    if resolve.state = 'sent' then
      perform oncebox.finish(v_row.id, 'cancelled', 'already_sent');
      perform oncebox.put_flag(v_row.lead_id, v_row.channel, true, clock_timestamp());
    else
      update oncebox.notification as n
         set is_held    = false,
             look_up_at = null
       where n.id = v_row.id;
      perform oncebox.wake(array[v_row.id]);
    end if;
    insert into oncebox.audit (actor, action, notification_id, from_state, to_state, reason)
    values (actor, 'resolve', v_row.id, 'pending', case resolve.state when 'sent' then 'cancelled' else 'pending' end, resolve.reason);
    return;
  end if;

  if v_state <> 'unknown' or resolve.state is null or resolve.state not in ('sent', 'failed', 'pending') then
    raise exception using
      errcode = 'OB006',
      message = format('notification %s is %s and cannot be resolved to %s', resolve.notification_id, v_state, resolve.state),
      hint    = 'Only an unknown one can be resolved, to sent, failed or pending; a held one to sent or pending.';
  end if;
  update oncebox.notification as n
     set state        = resolve.state,
         state_reason = case when resolve.state <> 'sent' then resolve.reason end,
         provider_ref = coalesce(resolve.provider_ref, n.provider_ref),
         look_up_at   = null,
         deaths       = 0,
         due_at       = case resolve.state when 'pending' then clock_timestamp() else n.due_at end,
         delivery_look_at = case resolve.state when 'sent' then
                              oncebox.first_delivery_look(n.channel, coalesce(n.message_id, resolve.provider_ref, n.provider_ref)) end,
         settled_at   = case when resolve.state <> 'pending' then clock_timestamp() end
   where n.id = resolve.notification_id
  returning n.* into v_row;
  perform oncebox.put_flag(v_row.lead_id, v_row.channel, resolve.state = 'sent',
                           case when resolve.state = 'sent' then clock_timestamp() end);
  if resolve.state = 'pending' then
    perform oncebox.wake(array[v_row.id]);
  end if;
  insert into oncebox.audit (actor, action, notification_id, from_state, to_state, reason)
  values (actor, 'resolve', v_row.id, 'unknown', resolve.state, resolve.reason);
end
$$;
