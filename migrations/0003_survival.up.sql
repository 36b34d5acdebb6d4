-- 0003_survival: what it takes to outlive dead workers, outcomes in doubt, and a database that went
-- back in time.
--
-- Locks    ACCESS EXCLUSIVE on oncebox's own tables, each for a moment: every new column is null or
--          has a constant default, so nothing is rewritten.
-- Workers  stop: they know no lock, no lookup and no hold; none is released.

alter table oncebox.worker
  -- Held by the worker's own connection as long as it lives; free = a hint that it is dead.
  add column lock_key    bigint,
  -- graphile-worker's names for it, so that the jobs it took can be freed.
  add column job_workers text[]      not null default '{}',
  -- When another worker found the lock free.
  add column gone_at     timestamptz;

alter table oncebox.notification
  -- Who asks again with the token it claimed with gets the same claim: a commit in doubt is decided by asking.
  add column claim_token uuid,
  -- Workers in a row that died holding it.
  add column deaths      integer     not null default 0,
  -- When the provider is asked next what became of it; null = it is not in doubt.
  add column look_up_at  timestamptz,
  -- Was due when the database turned out to be another one, or an older one: not sent before the
  -- provider's record was compared, or a person said so.
  add column is_held     boolean     not null default false,
  -- With a send rate: the moment that is kept for it.
  add column slot_at     timestamptz,
  -- When the provider's record is looked through for drafts that an attempt may have left behind;
  -- null = there are none.
  add column discard_at  timestamptz,
  add constraint notification_look_up_when_in_doubt check (
    look_up_at is null or state = 'unknown' or is_held),
  add constraint notification_held_while_pending check (not is_held or state = 'pending');

create index notification_look_up on oncebox.notification (look_up_at) where look_up_at is not null;
comment on index oncebox.notification_look_up is 'Whose provider is to be asked now (reconcile).';
create index notification_slot on oncebox.notification (slot_at) where slot_at is not null;
comment on index oncebox.notification_slot is 'The next moment kept for a send (alarm).';
create index notification_discard on oncebox.notification (discard_at)
 where discard_at is not null and state in ('sent', 'failed', 'cancelled');
comment on index oncebox.notification_discard is 'Whose left drafts are to be thrown away now (discard).';
create index notification_holder on oncebox.notification (worker_id) where state = 'claimed';
comment on index oncebox.notification_holder is 'What a dead worker held (sweep).';

alter table oncebox.attempt
  -- Its send is over by then, whatever became of it: only after that does absence mean anything.
  add column deadline_at timestamptz;

-- Every question to a provider about an outcome in doubt, and its answer, for ever.
create table oncebox.lookup (
  id              bigint      generated always as identity primary key,
  notification_id bigint      not null references oncebox.notification (id),
  attempt         integer     not null,
  at              timestamptz not null default clock_timestamp(),
  worker_id       uuid        not null,
  finding         text        not null,
  verdict         text        not null,
  detail          text,
  constraint lookup_finding_known check (
    finding in ('sent', 'rejected', 'draft', 'absent', 'undecided', 'repeat')),
  constraint lookup_verdict_known check (
    verdict in ('sent', 'failed', 'pending', 'already_sent', 'later')),
  constraint lookup_detail_length check (length(detail) <= 2000)
);
create index lookup_notification on oncebox.lookup (notification_id, attempt);
comment on index oncebox.lookup_notification is 'What was asked about one notification.';

alter table oncebox.setting
  -- Which cluster, which of its timelines, and which database all this was written in; null = nothing was yet.
  add column system_identifier text,
  add column timeline          text,
  add column database          text,
  -- When they were last found to be others; null = never.
  add column travelled_at      timestamptz,
  add column required_migration text,
  add column migrated_by        text;
comment on column oncebox.setting.required_migration is
  'The newest migration that a worker has to know to run here; written by migrate up.';
comment on column oncebox.setting.migrated_by is
  'The version of oncebox that ran migrate up last.';

alter table oncebox.channel
  -- With a send rate: the next moment that is not given away yet.
  add column next_slot_at timestamptz;
