-- 0009_undelivered: the few SMS that did not reach their phone.
--
-- Locks    SHARE UPDATE EXCLUSIVE on oncebox.notification while it is built: nobody who writes waits.
-- Workers  keep working.
create index concurrently notification_undelivered
    on oncebox.notification (id)
 where delivery in ('UNDELIV', 'REJECTD', 'EXPIRED', 'DELETED', 'DECLINED');
comment on index oncebox.notification_undelivered is 'The few that did not reach their phone (lists, health).';
