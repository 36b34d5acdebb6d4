-- oncebox.health: is it well? One row, no person's data.
create or replace view oncebox.health as
select count(*) filter (where n.state = 'pending')                       as pending,
       count(*) filter (where n.state = 'pending' and n.due_at <= now()) as due,
       count(*) filter (where n.state = 'claimed')                       as claimed,
       count(*) filter (where n.state = 'sent')                          as sent,
       count(*) filter (where n.state = 'failed')                        as failed,
       count(*) filter (where n.state = 'unknown')                       as unknown,
       count(*) filter (where n.state = 'cancelled')                     as cancelled,
       count(*) filter (where n.is_held)                                 as held,
       count(*) filter (where n.state_reason = 'killed_its_worker' and n.state = 'unknown') as set_aside,
       min(n.due_at) filter (where n.state = 'pending')                  as oldest_due_at,
       (select min(a.started_at)
          from oncebox.notification as u
          join oncebox.attempt as a
            on a.notification_id = u.id
           and a.attempt = u.attempt
         where u.state = 'unknown')                                      as oldest_unknown_at,
       (select coalesce(jsonb_object_agg(c.channel, jsonb_build_object(
                 'until', c.paused_until, 'reason', c.pause_reason, 'pauses', c.pauses)), '{}')
          from oncebox.channel as c
         where c.paused_until is not null)                               as paused_channels,
       (select count(*) from oncebox.worker as w where w.stopped_at is null and w.gone_at is null) as workers,
       (select count(*)
          from oncebox.worker as w
         where w.stopped_at is null
           and w.gone_at is null
           and w.lock_key = any (array(select oncebox.locks_of_workers())))  as workers_alive,
       (select s.at from oncebox.last_sweep as s)                            as last_sweep_at,
       min(n.lease_until) filter (where n.state = 'claimed')                 as oldest_lease_until,
       (select s.pruned_until from oncebox.setting as s)                     as pruned_until,
       count(*) filter (where n.delivery in ('UNDELIV', 'REJECTD', 'EXPIRED', 'DELETED', 'DECLINED')) as undelivered,
       count(*) filter (where n.delivery in ('UNDELIV', 'REJECTD', 'EXPIRED', 'DELETED', 'DECLINED')
                          and n.delivery_at > now() - interval '24 hours')   as undelivered_24h,
       count(*) filter (where n.delivery = 'moderation')                     as in_moderation,
       count(*) filter (where n.delivery_look_at is null
                          and n.delivery_checks > 0
                          and coalesce(n.delivery, '') not in (
                            'DELIVRD', 'UNDELIV', 'REJECTD', 'EXPIRED', 'DELETED', 'DECLINED')) as no_report,
       min(n.delivery_look_at)                                               as oldest_delivery_look_at,
       (select c.balance from oncebox.channel as c where c.channel = 'sms')          as sms_balance,
       (select c.balance_currency from oncebox.channel as c where c.channel = 'sms') as sms_balance_currency,
       (select c.balance_at from oncebox.channel as c where c.channel = 'sms')       as sms_balance_at,
       (select c.balance_low_at from oncebox.channel as c where c.channel = 'sms')   as sms_balance_low_at
  from oncebox.notification as n;
comment on view oncebox.health is 'One row: counts by state, the oldest due and unknown, paused channels, workers, the last sweep. No person''s data. Counts every notification.';
comment on column oncebox.health.due is 'Of pending: due by now.';
comment on column oncebox.health.failed is 'Final: the provider refused them, or every try failed.';
comment on column oncebox.health.unknown is 'May have gone out: the provider is asked, or a person is.';
comment on column oncebox.health.held is 'Of pending: not sent before a comparison, because the database is another one than it was; see oncebox.guard.';
comment on column oncebox.health.set_aside is 'Of unknown: three workers in a row died with it, so a person has to look.';
comment on column oncebox.health.oldest_due_at is 'Of pending, due or not; in the past by more than seconds = something is stuck.';
comment on column oncebox.health.oldest_unknown_at is 'When its last attempt began.';
comment on column oncebox.health.paused_channels is 'By channel: until when, the code that paused it, and how many times in a row. {} = none.';
comment on column oncebox.health.workers is 'Workers that neither signed off nor were found gone; one that was killed alone is still counted. See workers_alive.';
comment on column oncebox.health.workers_alive is 'Workers whose lock is held now.';
comment on column oncebox.health.last_sweep_at is 'When a worker last swept, to five seconds; null = none ever did. Older than a minute = no worker runs, or its sweep fails.';
comment on column oncebox.health.oldest_lease_until is 'The first lease of a claim to run out; in the past = its holder is gone or hangs, and no sweep ran since.';
comment on column oncebox.health.pruned_until is 'Final notifications that were settled before may have been pruned; null = nothing was.';
comment on column oncebox.health.undelivered is 'Of sent: SMS that did not reach their phone, or were declined by a moderator; see docs/delivery.md.';
comment on column oncebox.health.undelivered_24h is 'Of undelivered: learnt within the last 24 hours.';
comment on column oncebox.health.in_moderation is 'Of sent: SMS that wait for the provider''s moderator. They have not gone out yet.';
comment on column oncebox.health.no_report is 'Of sent: three days on, the provider had not said how they ended.';
comment on column oncebox.health.oldest_delivery_look_at is 'When the provider is asked next how far an SMS got; in the past by minutes = no worker asks.';
comment on column oncebox.health.sms_balance is 'What is left on the SMS account; null = it was never read.';
comment on column oncebox.health.sms_balance_currency is 'In three letters.';
comment on column oncebox.health.sms_balance_at is 'When it was last read; workers read it every five minutes.';
comment on column oncebox.health.sms_balance_low_at is 'Since when it is below MOBIZON_BALANCE_WARN, or at zero; null = it is not.';
