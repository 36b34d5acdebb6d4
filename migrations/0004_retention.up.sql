-- 0004_retention: rows that have grown old may go, and a person may be forgotten.
--
-- Locks    ACCESS EXCLUSIVE on oncebox.notification, registration, audit and setting, each for a
--          moment: nothing is rewritten. Its two indexes begin on empty tables: no release came before
--          it. The new check of a recipient is not valid: what is there satisfies the stricter one
--          that it replaces.
-- Workers  keep working: to an older release an erased notification is one with an empty recipient.

-- One row, in a table of its own: workers and operators read oncebox.setting, and this is not theirs.
create table oncebox.erasure_secret (
  only_row boolean primary key default true,
  -- Mixed into the hash of an erased key, so that nobody finds the key by trying.
  secret   uuid    not null default gen_random_uuid(),
  constraint erasure_secret_one_row check (only_row)
);
insert into oncebox.erasure_secret default values;
comment on table oncebox.erasure_secret is 'One row. Never change it, show it to nobody: with it the idempotency keys of erased people could be guessed.';
comment on column oncebox.erasure_secret.only_row is 'Always true: there is one row.';
comment on column oncebox.erasure_secret.secret is 'Mixed into the hash of an erased idempotency key.';

alter table oncebox.setting
  -- Of a lead that came in before, nobody knows whether it had notifications.
  add column pruned_until timestamptz;
comment on column oncebox.setting.pruned_until is 'Notifications settled before may have been pruned, so no lead that came in before is adopted; null = nothing was pruned.';

alter table oncebox.notification
  add column erased_at timestamptz,
  drop constraint notification_recipient_is_one,
  add constraint notification_recipient_is_one check (
    case
      when erased_at is not null then recipient = '' and subject is null and body is null
      when channel = 'sms' then recipient ~ '^\+[1-9][0-9]{6,14}$'
      else length(recipient) <= 254 and recipient ~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~.-]+@[a-z0-9.-]+$'
    end) not valid,
  add constraint notification_erased_is_final check (
    erased_at is null or state in ('sent', 'failed', 'cancelled')) not valid;
comment on column oncebox.notification.erased_at is 'When its person was erased: the row stays, so that nothing is sent again; null = never.';

alter table oncebox.registration
  add column erased_at timestamptz;
comment on column oncebox.registration.erased_at is 'When its person was erased: the key is a hash from then on, and still recognised; null = never.';
create index registration_erased on oncebox.registration (erased_at) where erased_at is not null;
comment on index oncebox.registration_erased is 'Whether a key has to be looked for among the erased ones (register).';

create index notification_settled on oncebox.notification (settled_at) where settled_at is not null;
comment on index oncebox.notification_settled is 'The oldest final rows (prune).';

-- What people did outlives the notification that they did it to.
alter table oncebox.audit drop constraint audit_notification_id_fkey;
