-- oncebox.resume(channel, actor, reason) -> how many were let go
--
-- A person has compared what is held with what really went out, or accepts the risk: send it.
--
-- Moves    nothing: what was held is pending and due; audited, one row each.
-- Locks    the rows it lets go, until commit.
create or replace function oncebox.resume(channel text, actor text, reason text)
returns integer
language plpgsql
as $$
declare
  v_ids bigint[];
begin
  with let_go as (
    update oncebox.notification as n
       set is_held    = false,
           look_up_at = null
     where n.is_held
       and n.channel = resume.channel
    returning n.id
  ), audited as (
    insert into oncebox.audit (actor, action, notification_id, from_state, to_state, reason)
    select resume.actor, 'resume', g.id, 'pending', 'pending', resume.reason
      from let_go as g
  )
  select array_agg(g.id)
    into v_ids
    from let_go as g;
  perform oncebox.wake(v_ids);
  return coalesce(cardinality(v_ids), 0);
end
$$;
