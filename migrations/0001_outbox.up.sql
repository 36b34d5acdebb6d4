-- 0001_outbox: the lead table (made or adopted) and the outbox around it.
--
-- Locks    public.landing_leads, if it is there: ACCESS EXCLUSIVE until commit, taken first of all, so
--          that no weaker lock has to be raised to it. No rewrite, no scan: new columns are null or
--          have a constant default, the two foreign keys begin on empty tables, and what is there
--          already (a flag that may be null, a missing default) is left as it is. All of the others
--          are new. bench/adopt.ts measures it.
-- Workers  stop: none of an older release can be running.

-- Made, or adopted: sql/adoptable.sql has looked whether it can be, before anything was changed.
create table if not exists public.landing_leads (
  id            uuid primary key default gen_random_uuid(),
  name          text,
  phone         text,
  email         text,
  sms_sent      boolean not null default false,
  sms_sent_at   timestamptz,
  email_sent    boolean not null default false,
  email_sent_at timestamptz,
  created_at    timestamptz not null default now()
);

alter table public.landing_leads
  add column if not exists name          text,
  add column if not exists phone         text,
  add column if not exists email         text,
  add column if not exists sms_sent      boolean not null default false,
  add column if not exists sms_sent_at   timestamptz,
  add column if not exists email_sent    boolean not null default false,
  add column if not exists email_sent_at timestamptz;

do $$
begin
  if not exists (
    select
      from pg_attribute as a
     where a.attrelid = 'public.landing_leads'::regclass
       and a.attname = 'created_at'
       and not a.attisdropped)
  then
    -- Without a default first: rows that are already there did not come in at the moment of this migration.
    alter table public.landing_leads add column created_at timestamptz;
    alter table public.landing_leads alter column created_at set default now();
  end if;
end
$$;

comment on column public.landing_leads.sms_sent is
  'The claim: true = an SMS was sent, or may have been. Set by one atomic update; false again only when it is proven that nothing was sent.';
comment on column public.landing_leads.sms_sent_at is
  'When the provider accepted the SMS.';
comment on column public.landing_leads.email_sent is
  'The claim: true = an email was sent, or may have been. Set by one atomic update; false again only when it is proven that nothing was sent.';
comment on column public.landing_leads.email_sent_at is
  'When the mail server accepted the email.';

-- One row: what this database is and what it does when a caller leaves a thing open.
create table oncebox.setting (
  only_row        boolean  primary key default true,
  -- In every name we give a provider, so that two databases on one account are told apart.
  installation_id uuid     not null default gen_random_uuid(),
  -- From registration to the first send. ONCEBOX_DELAY of a worker or a migration is written here.
  delay           interval not null default '10 minutes',
  constraint setting_one_row check (only_row),
  constraint setting_delay_not_negative check (delay >= '0')
);
insert into oncebox.setting default values;

create table oncebox.template (
  kind       text        not null,
  channel    text        not null,
  subject    text,
  body       text        not null,
  -- The variables that have no default, kept by a trigger: registration wants them.
  variables  text[]      not null default '{}',
  created_at timestamptz not null default now(),
  -- Later than created_at once a person has edited it.
  updated_at timestamptz not null default now(),
  primary key (kind, channel),
  constraint template_channel_known check (channel in ('sms', 'email')),
  constraint template_subject_iff_email check ((channel = 'email') = (subject is not null)),
  -- A thousand characters are fifteen SMS to pay for; nobody means more.
  constraint template_body_length check (length(body) between 1 and case channel when 'sms' then 1000 else 20000 end),
  constraint template_subject_length check (length(subject) between 1 and 500)
);
comment on table oncebox.template is
  'The texts. {{name}} is replaced by the lead''s name, {{other}} by the registration''s data; {{name|friend}} has a default. Edit the rows freely.';

-- One row a lead that was registered through oncebox: what it came with.
create table oncebox.registration (
  lead_id         uuid        primary key references public.landing_leads (id),
  source          text        not null,
  idempotency_key text,
  kind            text        not null,
  data            jsonb       not null,
  -- Of the content, so that a key used again is known to say the same.
  fingerprint     bytea       not null,
  created_at      timestamptz not null default now(),
  constraint registration_key_once_per_source unique (source, idempotency_key),
  constraint registration_source_length check (length(source) between 1 and 100),
  constraint registration_key_length check (length(idempotency_key) between 1 and 255),
  constraint registration_data_is_object check (jsonb_typeof(data) = 'object')
);

create table oncebox.worker (
  id         uuid        primary key,
  pid        integer     not null,
  version    text        not null,
  started_at timestamptz not null default now(),
  stopped_at timestamptz
);
comment on table oncebox.worker is 'One row a start of a worker process; claims name it.';

-- The outbox: one row is one message to one recipient over one channel.
create table oncebox.notification (
  id             bigint      generated always as identity primary key,
  lead_id        uuid        not null references public.landing_leads (id),
  channel        text        not null,
  kind           text        not null default 'proftest',
  recipient      text        not null,
  subject        text,
  -- Given at registration, or rendered from the template by the first claim and kept from then on.
  body           text,
  due_at         timestamptz not null default now(),
  expires_at     timestamptz,
  state          text        not null default 'pending',
  state_reason   text,
  -- Counts claims; the fence: settle accepts only the current one.
  attempt        integer     not null default 0,
  -- Tries that failed for this message's own sake; trouble of a whole channel does not count.
  failures       integer     not null default 0,
  worker_id      uuid        references oncebox.worker (id),
  lease_until    timestamptz,
  -- What campaign mode prepared with the provider; every later attempt acts on this same campaign.
  campaign_id    text,
  message_id     text,
  provider_ref   text,
  delivery       text,
  created_at     timestamptz not null default now(),
  settled_at     timestamptz,
  constraint notification_once_per_lead_channel_kind unique (lead_id, channel, kind),
  constraint notification_state_known check (
    state in ('pending', 'claimed', 'sent', 'failed', 'unknown', 'cancelled')),
  constraint notification_channel_known check (channel in ('sms', 'email')),
  -- One recipient in one form, so that no second one can ride along, whoever writes the row.
  constraint notification_recipient_is_one check (
    case channel
      when 'sms' then recipient ~ '^\+[1-9][0-9]{6,14}$'
      else length(recipient) <= 254 and recipient ~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~.-]+@[a-z0-9.-]+$'
    end),
  constraint notification_body_length check (length(body) between 1 and case channel when 'sms' then 1000 else 20000 end),
  constraint notification_subject_length check (length(subject) between 1 and 500),
  constraint notification_lease_iff_claimed check (
    (state = 'claimed') = (lease_until is not null)),
  constraint notification_holder_while_claimed check (
    state <> 'claimed' or worker_id is not null),
  constraint notification_settled_iff_final check (
    (state in ('sent', 'failed', 'cancelled')) = (settled_at is not null)),
  constraint notification_reason_when_not_well check (
    state not in ('failed', 'unknown', 'cancelled') or state_reason is not null),
  constraint notification_draft_whole check (
    (campaign_id is null) = (message_id is null)),
  constraint notification_attempt_not_negative check (attempt >= 0 and failures >= 0)
);
comment on table oncebox.notification is
  'The outbox: one row is one message to one recipient over one channel. Read it through oncebox.notifications, which masks it.';

create index notification_due on oncebox.notification (due_at) where state = 'pending';
comment on index oncebox.notification_due is 'The next due row (alarm) and due rows without a job (sweep).';
create index notification_lease on oncebox.notification (lease_until) where state = 'claimed';
comment on index oncebox.notification_lease is 'Claims whose lease ran out (sweep).';
create index notification_unknown on oncebox.notification (id) where state = 'unknown';
comment on index oncebox.notification_unknown is 'What is in doubt (reconcile, health).';

-- One row a try, kept for ever: who, when, what came of it.
create table oncebox.attempt (
  notification_id bigint      not null references oncebox.notification (id),
  attempt         integer     not null,
  worker_id       uuid        not null,
  started_at      timestamptz not null default clock_timestamp(),
  -- From here on the message may have gone out. Null = provably nothing irreversible was tried.
  sending_at      timestamptz,
  ended_at        timestamptz,
  outcome         text,
  code            text,
  detail          text,
  provider_ref    text,
  primary key (notification_id, attempt),
  constraint attempt_outcome_known check (
    outcome in ('accepted', 'rejected', 'not_sent', 'unknown', 'released', 'swept')),
  constraint attempt_ended_iff_outcome check ((ended_at is null) = (outcome is null)),
  constraint attempt_detail_length check (length(detail) <= 2000)
);
create unique index attempt_accepted_once on oncebox.attempt (notification_id) where outcome = 'accepted';
comment on index oncebox.attempt_accepted_once is 'At most one accepted attempt per notification.';

-- One row a channel: is it open?
create table oncebox.channel (
  channel      text        primary key,
  -- Null = open. In the past = one claim at a time may try whether it is well again.
  paused_until timestamptz,
  pause_reason text,
  -- Pauses in a row; each makes the next one longer.
  pauses       integer     not null default 0,
  changed_at   timestamptz not null default now(),
  constraint channel_known check (channel in ('sms', 'email')),
  constraint channel_paused_with_reason check ((paused_until is null) = (pause_reason is null))
);
insert into oncebox.channel (channel) values ('sms'), ('email');

-- What people did, for ever.
create table oncebox.audit (
  id              bigint      generated always as identity primary key,
  at              timestamptz not null default clock_timestamp(),
  actor           text        not null,
  action          text        not null,
  notification_id bigint      not null references oncebox.notification (id),
  from_state      text        not null,
  to_state        text        not null,
  reason          text        not null,
  constraint audit_actor_length check (length(actor) between 1 and 200),
  constraint audit_reason_length check (length(reason) between 1 and 2000)
);
create index audit_notification on oncebox.audit (notification_id);
comment on index oncebox.audit_notification is 'What people did about one notification.';
