-- oncebox.notice_epoch() -> whether the database is the one it was
--
-- The first call writes down which database this is. Later ones compare: after a failover, a restore
-- or a copy, commits may be missing, and what looks unsent may have been sent. Then everything
-- that is due by now is held, and claims that were open lose their proof that nothing was sent.
--
-- Returns  false the one time that it was found to be another, when things were held just now.
-- Locks    the settings row and what it holds until commit, only when something changed.
create or replace function oncebox.notice_epoch()
returns boolean
language plpgsql
as $$
declare
  v_known oncebox.setting;
  v_now   record;
begin
  select e.system_identifier, e.timeline into v_now from oncebox.epoch() as e;
  select s.* into v_known from oncebox.setting as s;
  if (v_known.system_identifier, v_known.timeline) = (v_now.system_identifier, v_now.timeline) then
    return true;
  end if;

  select s.* into v_known from oncebox.setting as s for update;
  if (v_known.system_identifier, v_known.timeline) = (v_now.system_identifier, v_now.timeline) then
    return true;
  end if;
  update oncebox.setting
     set system_identifier = v_now.system_identifier,
         timeline          = v_now.timeline,
         travelled_at      = case when v_known.system_identifier is not null then clock_timestamp() end;
  if v_known.system_identifier is null then
    return true;
  end if;

  update oncebox.notification as n
     set is_held    = true,
         look_up_at = case n.channel when 'sms' then clock_timestamp() end
   where n.state = 'pending'
     and n.due_at <= clock_timestamp();
  -- The commit that marked them may be one of those that are missing.
  update oncebox.attempt as a
     set sending_at = coalesce(a.sending_at, clock_timestamp())
    from oncebox.notification as n
   where n.id = a.notification_id
     and n.attempt = a.attempt
     and n.state = 'claimed';
  return false;
end
$$;
