-- 0003_survival: takes the record of lookups and presence away.
--
-- Locks    ACCESS EXCLUSIVE on oncebox's own tables, each for a moment.
-- Refuses  while something is held or was looked up: that record would be lost.

do $$
declare
  v_held    bigint;
  v_lookups bigint;
begin
  select count(*) into v_held from oncebox.notification where is_held;
  select count(*) into v_lookups from oncebox.lookup;
  if v_held + v_lookups > 0 then
    raise exception using
      errcode = 'OB006',
      message = format('%s notifications are held and %s lookups are on record; going back would lose that', v_held, v_lookups),
      hint    = 'Run oncebox resume first, and copy oncebox.lookup elsewhere and empty it, if that is really meant.';
  end if;
end
$$;

drop view if exists oncebox.notifications, oncebox.attempts, oncebox.health, oncebox.lookups,
  oncebox.guard, oncebox.workers;
alter table oncebox.channel drop column next_slot_at;
alter table oncebox.setting drop column system_identifier, drop column timeline, drop column database,
  drop column travelled_at, drop column required_migration, drop column migrated_by;
drop table oncebox.lookup;
drop index oncebox.notification_holder;
alter table oncebox.attempt drop column deadline_at;
alter table oncebox.notification
  drop column claim_token, drop column slot_at, drop column discard_at, drop column deaths, drop column look_up_at, drop column is_held;
alter table oncebox.worker drop column lock_key, drop column job_workers, drop column gone_at;
