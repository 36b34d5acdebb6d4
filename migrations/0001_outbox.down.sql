-- 0001_outbox: takes the outbox away; public.landing_leads and its flags stay as they are.
--
-- Locks    ACCESS EXCLUSIVE on the tables dropped.
-- Refuses  while it holds what would be lost: notifications and the record of what was sent,
--          registrations (a form sent again would be taken for a new one), texts that people
--          wrote. Also, by Postgres itself, while anything that is not ours depends on it.

do $$
declare
  v_lost text;
begin
  select string_agg(held.count || ' ' || held.what, ', ')
    into v_lost
    from (values
      ('notifications and the record of what was sent', (select count(*) from oncebox.notification)),
      ('registrations and their idempotency keys',      (select count(*) from oncebox.registration)),
      ('texts that people wrote',                       (
        select count(*)
          from oncebox.template as t
         where t.kind <> 'proftest'
            or t.updated_at <> t.created_at))) as held (what, count)
   where held.count > 0;
  if v_lost is not null then
    raise exception using
      errcode = 'OB006',
      message = 'the outbox cannot be dropped: it still holds ' || v_lost,
      hint    = 'Copy the tables oncebox.notification, attempt, audit, registration and template elsewhere and empty them first, if that is really meant. Nothing was changed.';
  end if;
end
$$;

-- No cascade: a view that somebody built on these is not ours to drop.
drop view if exists oncebox.notifications, oncebox.attempts, oncebox.health;
drop table oncebox.audit, oncebox.channel, oncebox.attempt, oncebox.notification, oncebox.worker,
  oncebox.registration, oncebox.template, oncebox.setting;
