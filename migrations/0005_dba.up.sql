-- 0005_dba: when the last sweep was, rows of people's data that only their owner reads, and tables
-- that say what they are.
--
-- Locks    ACCESS EXCLUSIVE on five of oncebox's own tables, each for a moment, and what comments take
--          (SHARE UPDATE EXCLUSIVE) on the others: nothing is rewritten or scanned. One table is new.
-- Workers  keep working: the sweeps of an older release leave no mark.

-- A table of its own, and not a column of oncebox.setting: every registration reads that row, and
-- while a long transaction is open it would drag along a version for every mark.
create table oncebox.last_sweep (
  only_row boolean     primary key default true,
  at       timestamptz,
  constraint last_sweep_one_row check (only_row)
);
insert into oncebox.last_sweep default values;
comment on table oncebox.last_sweep is 'One row: a worker that sweeps leaves its mark here, every five seconds at most.';
comment on column oncebox.last_sweep.only_row is 'Always true: there is one row.';
comment on column oncebox.last_sweep.at is 'When a sweep last began; null = none did yet.';

-- Without a policy: their owner reads them, and whoever is granted a table by mistake sees no row.
alter table oncebox.registration enable row level security;
alter table oncebox.notification enable row level security;
alter table oncebox.attempt      enable row level security;
alter table oncebox.lookup       enable row level security;
alter table oncebox.audit        enable row level security;

-- What \d+ says: for who reads the tables themselves.
comment on table oncebox.setting is 'One row: what this database is, and what it does when a caller leaves a thing open.';
comment on column oncebox.setting.only_row is 'Always true: there is one row.';
comment on column oncebox.setting.installation_id is 'In every name we give a provider, so that two databases on one account are told apart. Never change it.';
comment on column oncebox.setting.delay is 'From registration to the first send. Yours to change.';
comment on column oncebox.setting.system_identifier is 'Of the cluster in which the outbox was written; null = nothing was yet.';
comment on column oncebox.setting.timeline is 'Of that cluster, in hexadecimal; a promotion or a recovery begins a new one.';
comment on column oncebox.setting.database is 'The database''s oid and its notification table''s.';
comment on column oncebox.setting.travelled_at is 'When these three were last found to be others; null = never.';
comment on column oncebox.template.subject is 'Of emails only.';
comment on column oncebox.template.variables is 'The variables that have no default, kept by a trigger: registration wants them.';
comment on column oncebox.template.updated_at is 'Later than created_at once a person has edited it.';
comment on table oncebox.registration is 'One row a lead that was registered through oncebox: what it came with.';
comment on column oncebox.registration.source is 'The form or program it came from.';
comment on column oncebox.registration.idempotency_key is 'Unique per source: the same key is the same lead.';
comment on column oncebox.registration.data is 'Variables of the texts.';
comment on column oncebox.registration.fingerprint is 'Of the content, so that a key used again is known to say the same.';
comment on column oncebox.worker.lock_key is 'Held by the worker''s own connection as long as it lives; free = a hint that it is dead.';
comment on column oncebox.worker.job_workers is 'graphile-worker''s names for it, so that the jobs it took can be freed.';
comment on column oncebox.worker.pid is 'Of the process, on its own machine.';
comment on column oncebox.worker.stopped_at is 'When it signed off.';
comment on column oncebox.worker.gone_at is 'When another worker found the lock free.';
comment on column oncebox.notification.recipient is 'One number in E.164 with +, or one address.';
comment on column oncebox.notification.subject is 'Of emails only.';
comment on column oncebox.notification.body is 'Given at registration, or rendered from the template by the first claim and kept from then on.';
comment on column oncebox.notification.due_at is 'Not sent before.';
comment on column oncebox.notification.expires_at is 'Not sent after; null = never too late.';
comment on column oncebox.notification.state_reason is 'Why it is failed, unknown or cancelled, or pending again.';
comment on column oncebox.notification.attempt is 'Counts claims; the fence: settle accepts only the current one.';
comment on column oncebox.notification.failures is 'Tries that failed for this message''s own sake; trouble of a whole channel does not count.';
comment on column oncebox.notification.worker_id is 'Who holds it, or held it last.';
comment on column oncebox.notification.lease_until is 'How long its claim is good for; null = it is not claimed.';
comment on column oncebox.notification.campaign_id is 'What campaign mode prepared with the provider; every later attempt acts on this same campaign.';
comment on column oncebox.notification.message_id is 'The message in that campaign.';
comment on column oncebox.notification.provider_ref is 'The provider''s own id of the message that it took.';
comment on column oncebox.notification.delivery is 'What the provider last said of it on its way to the phone.';
comment on column oncebox.notification.settled_at is 'When it became sent, failed or cancelled.';
comment on column oncebox.notification.claim_token is 'Who asks again with the token it claimed with gets the same claim: a commit in doubt is decided by asking.';
comment on column oncebox.notification.deaths is 'Workers in a row that died holding it.';
comment on column oncebox.notification.look_up_at is 'When the provider is asked next what became of it; null = it is not in doubt.';
comment on column oncebox.notification.discard_at is 'When the provider''s record is looked through for drafts that an attempt may have left behind; null = there are none.';
comment on column oncebox.notification.is_held is 'Was due when the database turned out to be another one, or an older one: not sent before a comparison.';
comment on column oncebox.notification.slot_at is 'With a send rate: the moment that is kept for it.';
comment on table oncebox.attempt is 'One row a try, kept for ever: who, when, what came of it.';
comment on column oncebox.attempt.attempt is 'From 1 in each notification; the fence.';
comment on column oncebox.attempt.sending_at is 'From here on the message may have gone out; null = provably nothing irreversible was tried.';
comment on column oncebox.attempt.ended_at is 'When its outcome was written; null = it is under way.';
comment on column oncebox.attempt.outcome is 'accepted, rejected, not_sent, unknown; released: given back untried; swept: its worker fell silent.';
comment on column oncebox.attempt.code is 'The provider''s, or ours.';
comment on column oncebox.attempt.provider_ref is 'The provider''s own id of the message that it took.';
comment on column oncebox.attempt.deadline_at is 'Its send is over by then, whatever became of it: only after that does absence mean anything.';
comment on table oncebox.channel is 'One row a channel: is it open?';
comment on column oncebox.channel.paused_until is 'Null = open. In the past = one claim at a time may try whether it is well again.';
comment on column oncebox.channel.pause_reason is 'The code that paused it.';
comment on column oncebox.channel.pauses is 'Pauses in a row; each makes the next one longer.';
comment on column oncebox.channel.changed_at is 'When it was last paused, tried or opened.';
comment on column oncebox.channel.next_slot_at is 'With a send rate: the next moment that is not given away yet.';
comment on table oncebox.audit is 'What people did, for ever.';
comment on column oncebox.audit.actor is 'Who did it, as they said.';
comment on column oncebox.audit.action is 'cancel, retry, resolve, hold, resume.';
comment on column oncebox.audit.from_state is 'Where the notification was.';
comment on column oncebox.audit.to_state is 'Where it was put.';
comment on column oncebox.audit.reason is 'Why, in their words.';
comment on table oncebox.lookup is 'Every question to a provider about an outcome in doubt, and its answer, for ever.';
comment on column oncebox.lookup.attempt is 'Whose outcome was in doubt.';
comment on column oncebox.lookup.finding is 'What the provider''s record said.';
comment on column oncebox.lookup.verdict is 'What followed from it.';
comment on column oncebox.phone_plan.calling_code is 'Without the +.';
comment on column oncebox.phone_plan.country is 'In two letters (ISO 3166).';
