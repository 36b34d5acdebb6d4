-- oncebox.pulse: is anybody at work? One row, for who asks every few seconds. Reads no notification.
create or replace view oncebox.pulse as
select (select s.at from oncebox.last_sweep as s) as last_sweep_at,
       (select count(*)
          from oncebox.worker as w
         where w.stopped_at is null
           and w.gone_at is null
           and w.lock_key = any (array(select oncebox.locks_of_workers()))) as workers_alive,
       -- Each notification takes the next number, whoever makes it; one that is rolled back takes it, too.
       (select case when i.is_called then i.last_value else 0 end
          from oncebox.notification_id_seq as i)  as notifications_made;
comment on view oncebox.pulse is 'One row: the last sweep, workers alive, how many notifications were ever made. No person''s data. Reads no notification.';
comment on column oncebox.pulse.last_sweep_at is 'When a worker last swept, to five seconds; null = none ever did.';
comment on column oncebox.pulse.workers_alive is 'Workers whose lock is held now.';
comment on column oncebox.pulse.notifications_made is 'By whomever, since the first one; those whose transaction was rolled back are counted, too.';
