-- 0006_registration_erased: finds the erased keys among all registrations.
--
-- Locks    SHARE UPDATE EXCLUSIVE on oncebox.registration while it reads it twice: nobody who reads or writes waits.
-- Workers  keep working; it is an index.
create index concurrently registration_erased on oncebox.registration (erased_at) where erased_at is not null;
comment on index oncebox.registration_erased is 'Whether a key has to be looked for among the erased ones (register).';
