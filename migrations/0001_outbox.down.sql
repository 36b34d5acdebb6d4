-- 0001_outbox: takes the outbox away; public.landing_leads and its flags stay as they are.
--
-- Locks    ACCESS EXCLUSIVE on the tables dropped.
-- Refuses  while a notification is in it: its record of what was sent would be lost.

do $$
begin
  if exists (select from oncebox.notification) then
    raise exception using
      errcode = 'OB006',
      message = 'the outbox still holds notifications; dropping it would lose the record of what was sent',
      hint    = 'Copy oncebox.notification and oncebox.attempt elsewhere and empty them first, if that is really meant.';
  end if;
end
$$;

drop view if exists oncebox.notifications, oncebox.attempts, oncebox.health cascade;
drop table oncebox.audit, oncebox.channel, oncebox.attempt, oncebox.notification, oncebox.worker,
  oncebox.registration, oncebox.template, oncebox.setting cascade;
