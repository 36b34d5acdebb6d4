-- 0006_operators: takes tokens and sessions away, and acts that concern no notification.
--
-- Locks    ACCESS EXCLUSIVE on six of oncebox's own tables, each for a moment.
-- Workers  keep working.
-- Refuses  while there are acts that an older version has no place for: the record of what people did
--          is not thrown away.

do $$
begin
  if exists (select from oncebox.audit where notification_id is null) then
    raise exception using
      errcode = 'OB006',
      message = 'oncebox.audit has acts that concern no notification, such as sign-ins; an older version has no place for them',
      hint    = 'Stay on this version, or keep them elsewhere and delete them first.';
  end if;
end
$$;

drop index oncebox.audit_lead;
drop index oncebox.notification_not_sent;
drop index oncebox.notification_recipient;
drop index oncebox.registration_repeated;
alter table oncebox.registration drop column repeats;
alter table oncebox.audit
  drop constraint audit_moves_a_notification,
  drop constraint audit_subject_length,
  drop column lead_id,
  drop column subject,
  alter column notification_id set not null,
  alter column from_state      set not null,
  alter column to_state        set not null;
drop table oncebox.session;
drop table oncebox.token;
