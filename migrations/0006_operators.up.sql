-- 0006_operators: who may come in over HTTP, and acts of people that concern no notification.
--
-- Locks    ACCESS EXCLUSIVE on oncebox.audit and oncebox.registration, each for a moment: nothing is
--          rewritten. The two tables are new. The indexes begin on empty tables: no release came before
--          this one.
-- Workers  keep working: they write no audit, and read none of what is new.

create table oncebox.token (
  id           uuid        primary key default gen_random_uuid(),
  name         text        not null,
  -- The secret itself is shown once, to who makes it, and kept nowhere.
  hash         bytea       not null,
  scopes       text[]      not null,
  source       text        not null,
  created_at   timestamptz not null default now(),
  created_by   text        not null,
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz,
  constraint token_name_once unique (name),
  constraint token_hash_once unique (hash),
  constraint token_hash_is_sha256 check (octet_length(hash) = 32),
  constraint token_name_is_plain check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$'),
  constraint token_scopes_known check (
    scopes <> '{}' and scopes <@ array['write', 'read', 'operate', 'admin']),
  constraint token_source_length check (length(source) between 1 and 100)
);
comment on table oncebox.token is 'One row a key to the HTTP API; only its hash is kept. Made and revoked by oncebox tokens.';
comment on column oncebox.token.name is 'Of the program or person that holds it; the audit names it.';
comment on column oncebox.token.hash is 'SHA-256 of the secret, which is random enough to need no salt.';
comment on column oncebox.token.scopes is 'write: register leads; read: look, masked; operate: act and reveal; admin: change texts, open channels.';
comment on column oncebox.token.source is 'Of every lead that is registered with it: idempotency keys are unique per source, so two clients cannot meet.';
comment on column oncebox.token.created_by is 'Who made it, as they said.';
comment on column oncebox.token.expires_at is 'Not good after; null = until it is revoked.';
comment on column oncebox.token.revoked_at is 'Not good since; null = it is good.';
comment on column oncebox.token.last_used_at is 'To a minute; null = never.';

create table oncebox.session (
  hash       bytea       primary key,
  -- Of the token it was opened with: it ends when that does.
  token_hash bytea       not null,
  created_at timestamptz not null default now(),
  seen_at    timestamptz not null default now(),
  constraint session_hash_is_sha256 check (octet_length(hash) = 32 and octet_length(token_hash) = 32)
);
comment on table oncebox.session is 'One row a person who is signed in to the dashboard; only the cookie''s hash is kept. Over after 30 minutes unused, or 12 hours.';
comment on column oncebox.session.hash is 'SHA-256 of the cookie.';
comment on column oncebox.session.token_hash is 'SHA-256 of the token it was opened with: it ends when that does.';
comment on column oncebox.session.seen_at is 'When it was last used, to a minute.';

alter table oncebox.token   enable row level security;
alter table oncebox.session enable row level security;

alter table oncebox.audit
  alter column notification_id drop not null,
  alter column from_state      drop not null,
  alter column to_state        drop not null,
  add column lead_id uuid,
  add column subject text,
  add constraint audit_moves_a_notification check (
    (notification_id is null) = (from_state is null) and (from_state is null) = (to_state is null)) not valid,
  add constraint audit_subject_length check (length(subject) between 1 and 200) not valid;
comment on column oncebox.audit.action is 'cancel, retry, resolve, hold, resume; reveal; sign_in, sign_in_refused; make_token, revoke_token; save_template, send_test, open_channel.';
comment on column oncebox.audit.notification_id is 'Null for what concerns none.';
comment on column oncebox.audit.lead_id is 'Of a reveal: whose data was shown.';
comment on column oncebox.audit.subject is 'What it was done to, where that is no notification and no lead: a token''s name, a template, a channel.';

alter table oncebox.registration
  add column repeats integer not null default 0;
comment on column oncebox.registration.repeats is 'How many times the same key came again with the same content, about: two at the same moment may count as one.';
create index registration_repeated on oncebox.registration (lead_id) where repeats > 0;
comment on index oncebox.registration_repeated is 'How many duplicates were prevented at registration (overview).';

create index notification_recipient on oncebox.notification (recipient, created_at);
comment on index oncebox.notification_recipient is 'What a person got, and how often a number was registered of late (leads of a person, limits of the HTTP API).';
create index notification_not_sent on oncebox.notification (id) where state in ('failed', 'cancelled');
comment on index oncebox.notification_not_sent is 'The few that ended otherwise than sent (lists by state, duplicates prevented).';
create index audit_lead on oncebox.audit (lead_id) where lead_id is not null;
comment on index oncebox.audit_lead is 'Who looked at a person''s data.';
