-- 0007_notification_settled: takes the index away.
--
-- Locks    ACCESS EXCLUSIVE on oncebox.notification, for a moment.
drop index oncebox.notification_settled;
