-- oncebox.guard: is this the database that it was, and what is held? One row, no person's data.
-- Read it on a primary: a standby has no write position.
create or replace view oncebox.guard as
select s.system_identifier,
       s.timeline,
       s.database,
       -- Null = nothing was written down yet; false = the next claim or sweep will hold what is due.
       (s.system_identifier, s.timeline, s.database) = (e.system_identifier, e.timeline, e.database) as is_known,
       s.travelled_at,
       h.held_sms,
       h.held_email,
       h.oldest_held_sms_due_at,
       h.oldest_held_email_due_at
  from oncebox.setting as s
 cross join oncebox.epoch() as e
 cross join (
   select count(*) filter (where n.channel = 'sms')          as held_sms,
          count(*) filter (where n.channel = 'email')        as held_email,
          min(n.due_at) filter (where n.channel = 'sms')     as oldest_held_sms_due_at,
          min(n.due_at) filter (where n.channel = 'email')   as oldest_held_email_due_at
     from oncebox.notification as n
    where n.is_held) as h;
comment on view oncebox.guard is 'One row: which database this is, whether it is the one that it was, and what is held. No person''s data.';
comment on column oncebox.guard.system_identifier is 'Of the cluster in which the outbox was written.';
comment on column oncebox.guard.timeline is 'Of that cluster, in hexadecimal; a promotion or a recovery begins a new one.';
comment on column oncebox.guard.database is 'The database''s oid and its notification table''s.';
comment on column oncebox.guard.is_known is 'Null = nothing was written down yet; false = the next claim or sweep will hold what is due.';
comment on column oncebox.guard.travelled_at is 'When it was last found to be another one, or said to be; null = never.';
