-- 0007_delivery: how far an SMS got, what it cost, what is left on the account, and webhooks seen.
--
-- Locks    ACCESS EXCLUSIVE on oncebox.notification and oncebox.channel, each for a moment: every new
--          column is null or has a constant default, so nothing is rewritten; the new checks are not
--          valid, so nothing is scanned, and what is there satisfies them. One table is new. The
--          indexes begin on empty tables: no release came before this one.
-- Workers  keep working: an SMS that an older release sends is not followed.

alter table oncebox.notification
  add column segments         integer,
  add column cost             numeric(12,4),
  add column delivery_at      timestamptz,
  add column delivery_detail  text,
  add column delivery_checks  integer not null default 0,
  add column delivery_look_at timestamptz,
  add constraint notification_segments_positive check (segments > 0) not valid,
  add constraint notification_cost_not_negative check (cost >= 0) not valid,
  add constraint notification_delivery_detail_length check (length(delivery_detail) <= 2000) not valid,
  add constraint notification_followed_when_sent check (
    delivery_look_at is null or (state = 'sent' and channel = 'sms')) not valid;
comment on column oncebox.notification.segments is 'The parts that an SMS is sent and paid as: computed by the claim, and the provider''s own number once it told.';
comment on column oncebox.notification.cost is 'What the provider charged, in the account''s currency; null = it has not told.';
comment on column oncebox.notification.delivery_at is 'When we learnt of the present delivery.';
comment on column oncebox.notification.delivery_detail is 'Of one that was declined: the moderator''s words.';
comment on column oncebox.notification.delivery_checks is 'How many times the provider was asked how far it got.';
comment on column oncebox.notification.delivery_look_at is 'When the provider is asked next how far it got; null = it is final, or was given up.';

alter table oncebox.channel
  add column balance            numeric,
  add column balance_currency   text,
  add column balance_at         timestamptz,
  add column balance_low_at     timestamptz,
  add column balance_look_at    timestamptz,
  add column segment_price      numeric(12,4),
  add constraint channel_balance_with_currency check (
    (balance is null) = (balance_currency is null) and (balance is null) = (balance_at is null)) not valid;
comment on column oncebox.channel.balance is 'What is left on the provider''s account; null = it was never read.';
comment on column oncebox.channel.balance_currency is 'In three letters (ISO 4217).';
comment on column oncebox.channel.balance_at is 'When it was last read.';
comment on column oncebox.channel.balance_low_at is 'Since when it is below MOBIZON_BALANCE_WARN; null = it is not.';
comment on column oncebox.channel.balance_look_at is 'When a worker reads it next.';
comment on column oncebox.channel.segment_price is 'What the provider last charged for a part of an SMS.';

-- Kept for ever: the provider repeats an event up to ten times, and whoever recorded one may at any time.
create table oncebox.webhook_event (
  provider    text        not null,
  event_id    bigint      not null,
  received_at timestamptz not null default clock_timestamp(),
  attempt     integer     not null,
  created     text        not null,
  message_id  text        not null,
  campaign_id text,
  status      text,
  primary key (provider, event_id),
  constraint webhook_event_provider_known check (provider in ('mobizon')),
  constraint webhook_event_id_positive check (event_id > 0),
  constraint webhook_event_attempt_in_range check (attempt between 1 and 10),
  constraint webhook_event_texts_length check (
    length(created) <= 40 and length(message_id) <= 40 and length(campaign_id) <= 40 and length(status) <= 40)
);
create index webhook_event_message on oncebox.webhook_event (message_id);
comment on index oncebox.webhook_event_message is 'Whether a webhook came before its message was known (settle).';
comment on table oncebox.webhook_event is 'One row a delivery webhook, for ever: the same event has no effect a second time. Without the number it was for.';
comment on column oncebox.webhook_event.provider is 'Whose event it is.';
comment on column oncebox.webhook_event.event_id is 'The provider''s own; the same on every attempt.';
comment on column oncebox.webhook_event.received_at is 'When its first attempt came in.';
comment on column oncebox.webhook_event.attempt is 'The provider''s count of the one that came in first.';
comment on column oncebox.webhook_event.created is 'As the provider wrote it, in a zone that is not known.';
comment on column oncebox.webhook_event.message_id is 'The provider''s own id of the message.';
comment on column oncebox.webhook_event.campaign_id is 'The provider''s own id of its campaign.';
comment on column oncebox.webhook_event.status is 'A hint and no more: no signature covers it, and no state is taken from it.';

-- It tells when somebody got a message: their owner reads it, as with the other rows about people.
alter table oncebox.webhook_event enable row level security;

create index notification_delivery_look on oncebox.notification ((coalesce(message_id, provider_ref)), delivery_look_at)
 where delivery_look_at is not null;
comment on index oncebox.notification_delivery_look is 'Whose provider is to be asked how far it got (deliveries), and whom a webhook is about.';
create index notification_undelivered on oncebox.notification (id)
 where delivery in ('UNDELIV', 'REJECTD', 'EXPIRED', 'DELETED', 'DECLINED');
comment on index oncebox.notification_undelivered is 'The few that did not reach their phone (lists, health).';
