-- 0007_notification_settled: finds the oldest final notifications.
--
-- Locks    SHARE UPDATE EXCLUSIVE on oncebox.notification while it reads it twice: nobody who reads or writes waits.
-- Workers  keep working; it is an index.
create index concurrently notification_settled on oncebox.notification (settled_at) where settled_at is not null;
comment on index oncebox.notification_settled is 'The oldest final rows (prune).';
