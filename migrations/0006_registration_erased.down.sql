-- 0006_registration_erased: takes the index away.
--
-- Locks    ACCESS EXCLUSIVE on oncebox.registration, for a moment.
drop index oncebox.registration_erased;
