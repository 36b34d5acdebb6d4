-- 0007_delivery: forgets how far each SMS got, what it cost, and which webhooks were seen.
--
-- Locks    ACCESS EXCLUSIVE on oncebox.notification and oncebox.channel, each for a moment.
-- Refuses  nothing: Mobizon keeps all of it. By Postgres itself, while anything that is not ours
--          depends on one of the views.

-- No cascade: a view that somebody built on these is not ours to drop.
drop view if exists oncebox.deliveries, oncebox.notifications, oncebox.health, oncebox.lead_history, oncebox.sms_cost;
drop index oncebox.notification_undelivered;
drop index oncebox.notification_delivery_look;
drop table oncebox.webhook_event;
alter table oncebox.channel
  drop column balance,
  drop column balance_currency,
  drop column balance_at,
  drop column balance_low_at,
  drop column balance_look_at,
  drop column segment_price;
alter table oncebox.notification
  drop column segments,
  drop column cost,
  drop column delivery_at,
  drop column delivery_detail,
  drop column delivery_checks,
  drop column delivery_look_at;
