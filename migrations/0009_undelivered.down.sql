-- 0009_undelivered: takes the index away.
--
-- Locks    ACCESS EXCLUSIVE on oncebox.notification for a moment.
-- Refuses  nothing.
drop index oncebox.notification_undelivered;
