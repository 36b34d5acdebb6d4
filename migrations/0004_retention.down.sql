-- 0004_retention: takes pruning and erasing away.
--
-- Locks    ACCESS EXCLUSIVE on oncebox.notification, registration, audit and setting, each for a moment.
-- Workers  keep sending; nothing can be registered until the functions are replaced.
-- Refuses  once anybody was erased or anything was pruned: the older version would take what is left
--          of it for something else.

do $$
begin
  if exists (select from oncebox.notification where erased_at is not null)
     or exists (select from oncebox.registration where erased_at is not null)
     or exists (select from oncebox.setting where pruned_until is not null)
  then
    raise exception using
      errcode = 'OB006',
      message = 'people were erased or notifications pruned; an older version would take what is left of them for something else',
      hint    = 'Stay on this version.';
  end if;
end
$$;

drop trigger if exists notification_before_delete on oncebox.notification;
drop trigger if exists notification_before_truncate on oncebox.notification;
drop index oncebox.notification_settled;
drop index oncebox.registration_erased;
alter table oncebox.audit add constraint audit_notification_id_fkey
  foreign key (notification_id) references oncebox.notification (id) not valid;
alter table oncebox.registration drop column erased_at;
alter table oncebox.notification
  drop constraint notification_erased_is_final,
  drop constraint notification_recipient_is_one,
  add constraint notification_recipient_is_one check (
    case channel
      when 'sms' then recipient ~ '^\+[1-9][0-9]{6,14}$'
      else length(recipient) <= 254 and recipient ~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~.-]+@[a-z0-9.-]+$'
    end) not valid,
  drop column erased_at;
alter table oncebox.setting drop column pruned_until;
drop table oncebox.erasure_secret;
