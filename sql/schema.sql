-- The schema of a fresh install: what oncebox migrate check and the tests compare with.
--
-- Written by  node scripts/schema.ts. Do not edit: the files in migrations/ and sql/ make it.
-- Functions   stand here by a fingerprint of their body; the bodies are in sql/functions/.

-- table graphile_worker._private_jobs
-- made by graphile-worker

-- view oncebox.acts
create view oncebox.acts as
 SELECT id,
    at,
    actor,
    action,
    COALESCE(lead_id, lead_id) AS lead_id,
    notification_id,
    from_state,
    to_state,
    subject,
    reason
   FROM (oncebox.audit d
     LEFT JOIN oncebox.notification n ON ((id = notification_id)));

-- comment oncebox.acts
is 'What people did, and why, for ever. The reason is in their own words.'

-- comment oncebox.acts.action
is 'cancel, retry, resolve, hold, resume; reveal; sign_in, sign_in_refused; make_token, revoke_token; save_template, send_test, open_channel.'

-- comment oncebox.acts.actor
is 'Who did it, as they said; a token''s name where it came over HTTP.'

-- comment oncebox.acts.from_state
is 'Where the notification was; null for what moved none.'

-- comment oncebox.acts.lead_id
is 'Null where it concerns no lead, or its notification was pruned.'

-- comment oncebox.acts.reason
is 'In their words.'

-- comment oncebox.acts.subject
is 'What it was done to, where that is no notification and no lead.'

-- comment oncebox.acts.to_state
is 'Where it was put.'

-- function oncebox.adopt_leads(since timestamp with time zone, until timestamp with time zone, kind text, channels text[], due_at timestamp with time zone, at_most integer, actor text)
-- returns TABLE(leads integer, notifications integer); language sql; volatility v; parallel u; body md5 af62582fbbfbd0d3c06712d2585d18b1

-- function oncebox.adoptable_leads(since timestamp with time zone, until timestamp with time zone, kind text, channels text[])
-- returns TABLE(lead_id uuid, created_at timestamp with time zone, channel text, recipient text, verdict text); language sql; volatility s; parallel u; body md5 dfdc81fef0a62a3043ea18373e7fc999

-- table oncebox.attempt
create table oncebox.attempt ();

-- column oncebox.attempt.attempt
alter table oncebox.attempt add column attempt integer not null;

-- column oncebox.attempt.code
alter table oncebox.attempt add column code text;

-- column oncebox.attempt.deadline_at
alter table oncebox.attempt add column deadline_at timestamp with time zone;

-- column oncebox.attempt.detail
alter table oncebox.attempt add column detail text;

-- column oncebox.attempt.ended_at
alter table oncebox.attempt add column ended_at timestamp with time zone;

-- column oncebox.attempt.notification_id
alter table oncebox.attempt add column notification_id bigint not null;

-- column oncebox.attempt.outcome
alter table oncebox.attempt add column outcome text;

-- column oncebox.attempt.provider_ref
alter table oncebox.attempt add column provider_ref text;

-- column oncebox.attempt.sending_at
alter table oncebox.attempt add column sending_at timestamp with time zone;

-- column oncebox.attempt.started_at
alter table oncebox.attempt add column started_at timestamp with time zone not null default clock_timestamp();

-- column oncebox.attempt.worker_id
alter table oncebox.attempt add column worker_id uuid not null;

-- constraint oncebox.attempt.attempt_detail_length
alter table oncebox.attempt add constraint attempt_detail_length CHECK ((length(detail) <= 2000));

-- constraint oncebox.attempt.attempt_ended_iff_outcome
alter table oncebox.attempt add constraint attempt_ended_iff_outcome CHECK (((ended_at IS NULL) = (outcome IS NULL)));

-- constraint oncebox.attempt.attempt_notification_id_fkey
alter table oncebox.attempt add constraint attempt_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES oncebox.notification(id);

-- constraint oncebox.attempt.attempt_outcome_known
alter table oncebox.attempt add constraint attempt_outcome_known CHECK ((outcome = ANY (ARRAY['accepted'::text, 'rejected'::text, 'not_sent'::text, 'unknown'::text, 'released'::text, 'swept'::text])));

-- constraint oncebox.attempt.attempt_pkey
alter table oncebox.attempt add constraint attempt_pkey PRIMARY KEY (notification_id, attempt);

-- index oncebox.attempt_accepted_once
CREATE UNIQUE INDEX attempt_accepted_once ON oncebox.attempt USING btree (notification_id) WHERE (outcome = 'accepted'::text);

-- row level security oncebox.attempt
alter table oncebox.attempt enable row level security;

-- comment oncebox.attempt
is 'One row a try, kept for ever: who, when, what came of it.'

-- comment oncebox.attempt.attempt
is 'From 1 in each notification; the fence.'

-- comment oncebox.attempt.code
is 'The provider''s, or ours.'

-- comment oncebox.attempt.deadline_at
is 'Its send is over by then, whatever became of it: only after that does absence mean anything.'

-- comment oncebox.attempt.ended_at
is 'When its outcome was written; null = it is under way.'

-- comment oncebox.attempt.outcome
is 'accepted, rejected, not_sent, unknown; released: given back untried; swept: its worker fell silent.'

-- comment oncebox.attempt.provider_ref
is 'The provider''s own id of the message that it took.'

-- comment oncebox.attempt.sending_at
is 'From here on the message may have gone out; null = provably nothing irreversible was tried.'

-- comment oncebox.attempt_accepted_once
is 'At most one accepted attempt per notification.'

-- view oncebox.attempts
create view oncebox.attempts as
 SELECT notification_id,
    attempt,
    lead_id,
    channel,
    worker_id,
    started_at,
    sending_at,
    ended_at,
    outcome,
    code,
    detail,
    provider_ref
   FROM (oncebox.attempt a
     JOIN oncebox.notification n ON ((id = notification_id)));

-- comment oncebox.attempts
is 'Every try: who, when, what came of it.'

-- comment oncebox.attempts.attempt
is 'From 1; the number is the fence: only the current one may settle.'

-- comment oncebox.attempts.code
is 'The provider''s, or ours; accepted_twice = a second message was taken for one person.'

-- comment oncebox.attempts.detail
is 'In the provider''s words, cut and without what it quoted of the message.'

-- comment oncebox.attempts.ended_at
is 'When its outcome was written; null = it is under way.'

-- comment oncebox.attempts.outcome
is 'accepted, rejected, not_sent, unknown; released: given back untried; swept: its worker fell silent.'

-- comment oncebox.attempts.provider_ref
is 'The provider''s own id of the message that it took.'

-- comment oncebox.attempts.sending_at
is 'From here on it may have gone out; null = provably nothing irreversible was tried.'

-- comment oncebox.attempts.started_at
is 'When it was claimed.'

-- table oncebox.audit
create table oncebox.audit ();

-- column oncebox.audit.action
alter table oncebox.audit add column action text not null;

-- column oncebox.audit.actor
alter table oncebox.audit add column actor text not null;

-- column oncebox.audit.at
alter table oncebox.audit add column at timestamp with time zone not null default clock_timestamp();

-- column oncebox.audit.from_state
alter table oncebox.audit add column from_state text;

-- column oncebox.audit.id
alter table oncebox.audit add column id bigint not null generated always as identity;

-- column oncebox.audit.lead_id
alter table oncebox.audit add column lead_id uuid;

-- column oncebox.audit.notification_id
alter table oncebox.audit add column notification_id bigint;

-- column oncebox.audit.reason
alter table oncebox.audit add column reason text not null;

-- column oncebox.audit.subject
alter table oncebox.audit add column subject text;

-- column oncebox.audit.to_state
alter table oncebox.audit add column to_state text;

-- constraint oncebox.audit.audit_actor_length
alter table oncebox.audit add constraint audit_actor_length CHECK (((length(actor) >= 1) AND (length(actor) <= 200)));

-- constraint oncebox.audit.audit_moves_a_notification
alter table oncebox.audit add constraint audit_moves_a_notification CHECK ((((notification_id IS NULL) = (from_state IS NULL)) AND ((from_state IS NULL) = (to_state IS NULL)))) NOT VALID;

-- constraint oncebox.audit.audit_pkey
alter table oncebox.audit add constraint audit_pkey PRIMARY KEY (id);

-- constraint oncebox.audit.audit_reason_length
alter table oncebox.audit add constraint audit_reason_length CHECK (((length(reason) >= 1) AND (length(reason) <= 2000)));

-- constraint oncebox.audit.audit_subject_length
alter table oncebox.audit add constraint audit_subject_length CHECK (((length(subject) >= 1) AND (length(subject) <= 200))) NOT VALID;

-- index oncebox.audit_lead
CREATE INDEX audit_lead ON oncebox.audit USING btree (lead_id) WHERE (lead_id IS NOT NULL);

-- index oncebox.audit_notification
CREATE INDEX audit_notification ON oncebox.audit USING btree (notification_id);

-- row level security oncebox.audit
alter table oncebox.audit enable row level security;

-- comment oncebox.audit
is 'What people did, for ever.'

-- comment oncebox.audit.action
is 'cancel, retry, resolve, hold, resume; reveal; sign_in, sign_in_refused; make_token, revoke_token; save_template, send_test, open_channel.'

-- comment oncebox.audit.actor
is 'Who did it, as they said.'

-- comment oncebox.audit.from_state
is 'Where the notification was.'

-- comment oncebox.audit.lead_id
is 'Of a reveal: whose data was shown.'

-- comment oncebox.audit.notification_id
is 'Null for what concerns none.'

-- comment oncebox.audit.reason
is 'Why, in their words.'

-- comment oncebox.audit.subject
is 'What it was done to, where that is no notification and no lead: a token''s name, a template, a channel.'

-- comment oncebox.audit.to_state
is 'Where it was put.'

-- comment oncebox.audit_lead
is 'Who looked at a person''s data.'

-- comment oncebox.audit_notification
is 'What people did about one notification.'

-- view oncebox.broken_rules
create view oncebox.broken_rules as
 SELECT rule,
    id AS notification_id,
    lead_id,
    channel,
    state
   FROM ((oncebox.notification n
     JOIN public.landing_leads l ON ((id = lead_id)))
     CROSS JOIN LATERAL ( SELECT 'flag_down'::text AS rule
          WHERE ((state = ANY (ARRAY['claimed'::text, 'unknown'::text, 'sent'::text])) AND (NOT
                CASE channel
                    WHEN 'sms'::text THEN sms_sent
                    ELSE email_sent
                END))
        UNION ALL
         SELECT 'claimed_without_attempt'::text
          WHERE ((state = 'claimed'::text) AND (NOT (EXISTS ( SELECT
                   FROM oncebox.attempt a
                  WHERE ((notification_id = id) AND (attempt = attempt) AND (ended_at IS NULL))))))
        UNION ALL
         SELECT 'attempt_without_claim'::text
           FROM oncebox.attempt a
          WHERE ((notification_id = id) AND (ended_at IS NULL) AND (NOT ((state = 'claimed'::text) AND (attempt = attempt))))
        UNION ALL
         SELECT 'sent_without_proof'::text
          WHERE ((state = 'sent'::text) AND (NOT (EXISTS ( SELECT
                   FROM oncebox.attempt a
                  WHERE ((notification_id = id) AND (outcome = 'accepted'::text))))) AND (NOT (EXISTS ( SELECT
                   FROM oncebox.lookup k
                  WHERE ((notification_id = id) AND (finding = 'sent'::text))))) AND (NOT (EXISTS ( SELECT
                   FROM oncebox.audit p
                  WHERE ((notification_id = id) AND (to_state = 'sent'::text))))))
        UNION ALL
         SELECT 'accepted_but_not_sent'::text
          WHERE (((state = 'failed'::text) OR ((state = 'cancelled'::text) AND (state_reason <> 'already_sent'::text))) AND (erased_at IS NULL) AND (EXISTS ( SELECT
                   FROM oncebox.attempt a
                  WHERE ((notification_id = id) AND (outcome = 'accepted'::text)))))
        UNION ALL
         SELECT 'accepted_twice'::text
           FROM oncebox.attempt a
          WHERE ((notification_id = id) AND (code = 'accepted_twice'::text))) r);

-- comment oncebox.broken_rules
is 'Rows that break a rule which no constraint can hold; empty when all is well. Reads every notification and attempt.'

-- comment oncebox.broken_rules.rule
is 'flag_down: claimed, unknown or sent, and the lead''s flag is false. claimed_without_attempt: and no attempt is open. attempt_without_claim: an open attempt that nobody holds. sent_without_proof: no attempt was accepted, no lookup found it, no person said so. accepted_but_not_sent: final otherwise. accepted_twice: two attempts were accepted, so two messages went out.'

-- function oncebox.cancel(notification_id bigint, actor text, reason text)
-- returns text; language plpgsql; volatility v; parallel u; body md5 5dba69fccdae7d813de0f53b836ca00e

-- table oncebox.channel
create table oncebox.channel ();

-- column oncebox.channel.balance
alter table oncebox.channel add column balance numeric;

-- column oncebox.channel.balance_at
alter table oncebox.channel add column balance_at timestamp with time zone;

-- column oncebox.channel.balance_currency
alter table oncebox.channel add column balance_currency text;

-- column oncebox.channel.balance_look_at
alter table oncebox.channel add column balance_look_at timestamp with time zone;

-- column oncebox.channel.balance_low_at
alter table oncebox.channel add column balance_low_at timestamp with time zone;

-- column oncebox.channel.changed_at
alter table oncebox.channel add column changed_at timestamp with time zone not null default now();

-- column oncebox.channel.channel
alter table oncebox.channel add column channel text not null;

-- column oncebox.channel.next_slot_at
alter table oncebox.channel add column next_slot_at timestamp with time zone;

-- column oncebox.channel.pause_reason
alter table oncebox.channel add column pause_reason text;

-- column oncebox.channel.paused_until
alter table oncebox.channel add column paused_until timestamp with time zone;

-- column oncebox.channel.pauses
alter table oncebox.channel add column pauses integer not null default 0;

-- column oncebox.channel.segment_price
alter table oncebox.channel add column segment_price numeric(12,4);

-- constraint oncebox.channel.channel_balance_with_currency
alter table oncebox.channel add constraint channel_balance_with_currency CHECK ((((balance IS NULL) = (balance_currency IS NULL)) AND ((balance IS NULL) = (balance_at IS NULL)))) NOT VALID;

-- constraint oncebox.channel.channel_known
alter table oncebox.channel add constraint channel_known CHECK ((channel = ANY (ARRAY['sms'::text, 'email'::text])));

-- constraint oncebox.channel.channel_paused_with_reason
alter table oncebox.channel add constraint channel_paused_with_reason CHECK (((paused_until IS NULL) = (pause_reason IS NULL)));

-- constraint oncebox.channel.channel_pkey
alter table oncebox.channel add constraint channel_pkey PRIMARY KEY (channel);

-- comment oncebox.channel
is 'One row a channel: is it open?'

-- comment oncebox.channel.balance
is 'What is left on the provider''s account; null = it was never read.'

-- comment oncebox.channel.balance_at
is 'When it was last read.'

-- comment oncebox.channel.balance_currency
is 'In three letters (ISO 4217).'

-- comment oncebox.channel.balance_look_at
is 'When a worker reads it next.'

-- comment oncebox.channel.balance_low_at
is 'Since when it is below MOBIZON_BALANCE_WARN; null = it is not.'

-- comment oncebox.channel.changed_at
is 'When it was last paused, tried or opened.'

-- comment oncebox.channel.next_slot_at
is 'With a send rate: the next moment that is not given away yet.'

-- comment oncebox.channel.pause_reason
is 'The code that paused it.'

-- comment oncebox.channel.paused_until
is 'Null = open. In the past = one claim at a time may try whether it is well again.'

-- comment oncebox.channel.pauses
is 'Pauses in a row; each makes the next one longer.'

-- comment oncebox.channel.segment_price
is 'What the provider last charged for a part of an SMS.'

-- function oncebox.channel_is_open(channel text)
-- returns boolean; language plpgsql; volatility v; parallel u; body md5 711f0aef96ced051e9cf548aa870a337

-- function oncebox.check_leads(leads jsonb)
-- returns TABLE(record integer, problem jsonb, name text, phone text, email text, source text, idempotency_key text, kind text, data jsonb, due_at timestamp with time zone, expires_at timestamp with time zone, sms_text text, email_subject text, email_text text, fingerprint bytea); language sql; volatility s; parallel u; body md5 33d2f7313815056dba7d62df7ed73d96

-- function oncebox.check_session(hash bytea)
-- returns boolean; language sql; volatility s; parallel u; body md5 45f4f864a8a4c51d084e27daf54bb0b4

-- function oncebox.claim(notification_id bigint, worker_id uuid, token uuid, lease interval, send_timeout interval, per_second numeric, two_step boolean)
-- returns TABLE(verdict text, attempt integer, lead_id uuid, channel text, recipient text, subject text, body text, reference text, campaign_id text, message_id text, failures integer, pauses integer, due_at timestamp with time zone); language plpgsql; volatility v; parallel u; body md5 1d436d4df510fd58149d930d8b1dafd5

-- function oncebox.claim_each(notification_ids bigint[], worker_id uuid, tokens uuid[], lease interval, send_timeout interval, per_seconds numeric[], two_steps boolean[])
-- returns TABLE(notification_id bigint, verdict text, attempt integer, lead_id uuid, channel text, recipient text, subject text, body text, reference text, campaign_id text, message_id text, failures integer, pauses integer, due_at timestamp with time zone); language plpgsql; volatility v; parallel u; body md5 c161031a8c3a135afa8852b3064da259

-- view oncebox.claims
create view oncebox.claims as
 SELECT id AS notification_id,
    lead_id,
    channel,
    attempt,
    worker_id,
    started_at,
    sending_at,
    deadline_at,
    lease_until,
    ((stopped_at IS NULL) AND (gone_at IS NULL) AND (lock_key = ANY (ARRAY( SELECT oncebox.locks_of_workers() AS locks_of_workers)))) AS is_holder_present
   FROM ((oncebox.notification n
     JOIN oncebox.worker w ON ((id = worker_id)))
     LEFT JOIN oncebox.attempt a ON (((notification_id = id) AND (attempt = attempt))))
  WHERE (state = 'claimed'::text);

-- comment oncebox.claims
is 'Every claim that is open now, and whether its holder is alive. No person''s data.'

-- comment oncebox.claims.attempt
is 'The one that is under way.'

-- comment oncebox.claims.deadline_at
is 'Its send is over by then, whatever became of it.'

-- comment oncebox.claims.is_holder_present
is 'The lock of the worker that holds it is held now: it is alive.'

-- comment oncebox.claims.lease_until
is 'How long the claim is good for; in the past = sweep takes it over.'

-- comment oncebox.claims.sending_at
is 'From here on it may have gone out; null = provably nothing irreversible was tried.'

-- comment oncebox.claims.started_at
is 'When it was claimed.'

-- function oncebox.clean_text(raw text)
-- returns text; language plpgsql; volatility i; parallel s; body md5 3f36bf4f8250f2965c8391819f46212a

-- function oncebox.close_session(hash bytea)
-- returns void; language sql; volatility v; parallel u; body md5 f8b011ee2dac01845fc389e2dfa3f7aa

-- view oncebox.deliveries
create view oncebox.deliveries as
 SELECT date_trunc('day'::text, settled_at) AS day,
    channel,
    count(*) AS sent,
    count(*) FILTER (WHERE (delivery = 'DELIVRD'::text)) AS delivered,
    count(*) FILTER (WHERE (delivery = 'UNDELIV'::text)) AS undeliverable,
    count(*) FILTER (WHERE (delivery = 'REJECTD'::text)) AS rejected,
    count(*) FILTER (WHERE (delivery = 'EXPIRED'::text)) AS expired,
    count(*) FILTER (WHERE (delivery = 'DELETED'::text)) AS deleted,
    count(*) FILTER (WHERE (delivery = 'DECLINED'::text)) AS declined,
    count(*) FILTER (WHERE (delivery = 'moderation'::text)) AS in_moderation,
    count(*) FILTER (WHERE ((delivery_look_at IS NOT NULL) AND ((delivery IS NULL) OR (delivery = ANY (ARRAY['NEW'::text, 'ENQUEUD'::text, 'ACCEPTD'::text, 'PDLIVRD'::text]))))) AS on_the_way,
    count(*) FILTER (WHERE ((delivery_look_at IS NULL) AND ((delivery IS NULL) OR (delivery = ANY (ARRAY['NEW'::text, 'ENQUEUD'::text, 'ACCEPTD'::text, 'PDLIVRD'::text]))))) AS no_report,
    percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY ((EXTRACT(epoch FROM (delivery_at - settled_at)))::double precision)) FILTER (WHERE (delivery = 'DELIVRD'::text)) AS median_seconds
   FROM oncebox.notification n
  WHERE ((channel = 'sms'::text) AND (state = 'sent'::text))
  GROUP BY (date_trunc('day'::text, settled_at)), channel;

-- comment oncebox.deliveries
is 'How far the SMS that were sent each day got, by the provider''s word. No person''s data. Reads every SMS that was sent.'

-- comment oncebox.deliveries.day
is 'On which they were sent: its beginning, in the session''s time zone.'

-- comment oncebox.deliveries.declined
is 'DECLINED: by the provider''s moderator; they never went out.'

-- comment oncebox.deliveries.deleted
is 'DELETED: taken back at the provider.'

-- comment oncebox.deliveries.delivered
is 'DELIVRD: on the phone.'

-- comment oncebox.deliveries.expired
is 'EXPIRED: the phone was not reached in time.'

-- comment oncebox.deliveries.in_moderation
is 'Waiting for the provider''s moderator.'

-- comment oncebox.deliveries.median_seconds
is 'From sent to when we learnt that it was delivered, of half of the delivered ones.'

-- comment oncebox.deliveries.no_report
is 'Not followed, or no more, without a last word.'

-- comment oncebox.deliveries.on_the_way
is 'Followed, without a last word yet.'

-- comment oncebox.deliveries.rejected
is 'REJECTD: the operator would not.'

-- comment oncebox.deliveries.undeliverable
is 'UNDELIV: the operator could not.'

-- function oncebox.delivery_rank(delivery text)
-- returns integer; language sql; volatility i; parallel s; body md5 c31b8ff0e22b87c597a68bfeffe8c57e

-- function oncebox.discarded(notification_id bigint)
-- returns void; language sql; volatility v; parallel u; body md5 a48ea1b9ed54531c9f676efd06e1cf8b

-- function oncebox.display_name(raw text, max_length integer)
-- returns text; language plpgsql; volatility i; parallel s; body md5 a3f802d6d7e6fe9a37ca101f04f20b2f

-- function oncebox.epoch()
-- returns TABLE(system_identifier text, timeline text, database text); language sql; volatility s; parallel u; body md5 0a2ca91856282987e24e5cb73d9169da

-- function oncebox.erase_lead(lead_id uuid, actor text)
-- returns integer; language plpgsql; volatility v; parallel u; body md5 d49daed1b8769d946e5124537569a2d6

-- function oncebox.erased_key(source text, idempotency_key text)
-- returns text; language sql; volatility s; parallel u; body md5 7c82e369bcf55ca83192c04328e6d936

-- table oncebox.erasure_secret
create table oncebox.erasure_secret ();

-- column oncebox.erasure_secret.only_row
alter table oncebox.erasure_secret add column only_row boolean not null default true;

-- column oncebox.erasure_secret.secret
alter table oncebox.erasure_secret add column secret uuid not null default gen_random_uuid();

-- constraint oncebox.erasure_secret.erasure_secret_one_row
alter table oncebox.erasure_secret add constraint erasure_secret_one_row CHECK (only_row);

-- constraint oncebox.erasure_secret.erasure_secret_pkey
alter table oncebox.erasure_secret add constraint erasure_secret_pkey PRIMARY KEY (only_row);

-- comment oncebox.erasure_secret
is 'One row. Never change it, show it to nobody: with it the idempotency keys of erased people could be guessed.'

-- comment oncebox.erasure_secret.only_row
is 'Always true: there is one row.'

-- comment oncebox.erasure_secret.secret
is 'Mixed into the hash of an erased idempotency key.'

-- function oncebox.find_gone_workers()
-- returns SETOF uuid; language plpgsql; volatility v; parallel u; body md5 896b89a1018073a76d1639a12dda3415

-- function oncebox.find_leads(person text)
-- returns SETOF uuid; language sql; volatility s; parallel u; body md5 d6d8f8aa979861abb02c9d0875404578

-- function oncebox.finish(notification_id bigint, state text, reason text)
-- returns void; language sql; volatility v; parallel u; body md5 ab720144e4d585e028286cb1c91a2344

-- function oncebox.first_delivery_look(channel text, message_id text)
-- returns timestamp with time zone; language sql; volatility v; parallel u; body md5 a71e2709486d94e1b65550029d3d20c9

-- view oncebox.guard
create view oncebox.guard as
 SELECT system_identifier,
    timeline,
    database,
    ((system_identifier = system_identifier) AND (timeline = timeline) AND (database = database)) AS is_known,
    travelled_at,
    held_sms,
    held_email,
    oldest_held_sms_due_at,
    oldest_held_email_due_at
   FROM ((oncebox.setting s
     CROSS JOIN oncebox.epoch() e(system_identifier, timeline, database))
     CROSS JOIN ( SELECT count(*) FILTER (WHERE (channel = 'sms'::text)) AS held_sms,
            count(*) FILTER (WHERE (channel = 'email'::text)) AS held_email,
            min(due_at) FILTER (WHERE (channel = 'sms'::text)) AS oldest_held_sms_due_at,
            min(due_at) FILTER (WHERE (channel = 'email'::text)) AS oldest_held_email_due_at
           FROM oncebox.notification n
          WHERE is_held) h);

-- comment oncebox.guard
is 'One row: which database this is, whether it is the one that it was, and what is held. No person''s data.'

-- comment oncebox.guard.database
is 'The database''s oid and its notification table''s.'

-- comment oncebox.guard.is_known
is 'Null = nothing was written down yet; false = the next claim or sweep will hold what is due.'

-- comment oncebox.guard.system_identifier
is 'Of the cluster in which the outbox was written.'

-- comment oncebox.guard.timeline
is 'Of that cluster, in hexadecimal; a promotion or a recovery begins a new one.'

-- comment oncebox.guard.travelled_at
is 'When it was last found to be another one, or said to be; null = never.'

-- view oncebox.health
create view oncebox.health as
 SELECT count(*) FILTER (WHERE (state = 'pending'::text)) AS pending,
    count(*) FILTER (WHERE ((state = 'pending'::text) AND (due_at <= now()))) AS due,
    count(*) FILTER (WHERE (state = 'claimed'::text)) AS claimed,
    count(*) FILTER (WHERE (state = 'sent'::text)) AS sent,
    count(*) FILTER (WHERE (state = 'failed'::text)) AS failed,
    count(*) FILTER (WHERE (state = 'unknown'::text)) AS unknown,
    count(*) FILTER (WHERE (state = 'cancelled'::text)) AS cancelled,
    count(*) FILTER (WHERE is_held) AS held,
    count(*) FILTER (WHERE ((state_reason = 'killed_its_worker'::text) AND (state = 'unknown'::text))) AS set_aside,
    min(due_at) FILTER (WHERE (state = 'pending'::text)) AS oldest_due_at,
    ( SELECT min(started_at) AS min
           FROM (oncebox.notification u
             JOIN oncebox.attempt a ON (((notification_id = id) AND (attempt = attempt))))
          WHERE (state = 'unknown'::text)) AS oldest_unknown_at,
    ( SELECT COALESCE(jsonb_object_agg(channel, jsonb_build_object('until', paused_until, 'reason', pause_reason, 'pauses', pauses)), '{}'::jsonb) AS "coalesce"
           FROM oncebox.channel c
          WHERE (paused_until IS NOT NULL)) AS paused_channels,
    ( SELECT count(*) AS count
           FROM oncebox.worker w
          WHERE ((stopped_at IS NULL) AND (gone_at IS NULL))) AS workers,
    ( SELECT count(*) AS count
           FROM oncebox.worker w
          WHERE ((stopped_at IS NULL) AND (gone_at IS NULL) AND (lock_key = ANY (ARRAY( SELECT oncebox.locks_of_workers() AS locks_of_workers))))) AS workers_alive,
    ( SELECT at
           FROM oncebox.last_sweep s) AS last_sweep_at,
    min(lease_until) FILTER (WHERE (state = 'claimed'::text)) AS oldest_lease_until,
    ( SELECT pruned_until
           FROM oncebox.setting s) AS pruned_until,
    count(*) FILTER (WHERE (delivery = ANY (ARRAY['UNDELIV'::text, 'REJECTD'::text, 'EXPIRED'::text, 'DELETED'::text, 'DECLINED'::text]))) AS undelivered,
    count(*) FILTER (WHERE ((delivery = ANY (ARRAY['UNDELIV'::text, 'REJECTD'::text, 'EXPIRED'::text, 'DELETED'::text, 'DECLINED'::text])) AND (delivery_at > (now() - '24:00:00'::interval)))) AS undelivered_24h,
    count(*) FILTER (WHERE (delivery = 'moderation'::text)) AS in_moderation,
    count(*) FILTER (WHERE ((delivery_look_at IS NULL) AND (delivery_checks > 0) AND (COALESCE(delivery, ''::text) <> ALL (ARRAY['DELIVRD'::text, 'UNDELIV'::text, 'REJECTD'::text, 'EXPIRED'::text, 'DELETED'::text, 'DECLINED'::text])))) AS no_report,
    min(delivery_look_at) AS oldest_delivery_look_at,
    ( SELECT balance
           FROM oncebox.channel c
          WHERE (channel = 'sms'::text)) AS sms_balance,
    ( SELECT balance_currency
           FROM oncebox.channel c
          WHERE (channel = 'sms'::text)) AS sms_balance_currency,
    ( SELECT balance_at
           FROM oncebox.channel c
          WHERE (channel = 'sms'::text)) AS sms_balance_at,
    ( SELECT balance_low_at
           FROM oncebox.channel c
          WHERE (channel = 'sms'::text)) AS sms_balance_low_at
   FROM oncebox.notification n;

-- comment oncebox.health
is 'One row: counts by state, the oldest due and unknown, paused channels, workers, the last sweep. No person''s data. Counts every notification.'

-- comment oncebox.health.due
is 'Of pending: due by now.'

-- comment oncebox.health.failed
is 'Final: the provider refused them, or every try failed.'

-- comment oncebox.health.held
is 'Of pending: not sent before a comparison, because the database is another one than it was; see oncebox.guard.'

-- comment oncebox.health.in_moderation
is 'Of sent: SMS that wait for the provider''s moderator. They have not gone out yet.'

-- comment oncebox.health.last_sweep_at
is 'When a worker last swept, to five seconds; null = none ever did. Older than a minute = no worker runs, or its sweep fails.'

-- comment oncebox.health.no_report
is 'Of sent: three days on, the provider had not said how they ended.'

-- comment oncebox.health.oldest_delivery_look_at
is 'When the provider is asked next how far an SMS got; in the past by minutes = no worker asks.'

-- comment oncebox.health.oldest_due_at
is 'Of pending, due or not; in the past by more than seconds = something is stuck.'

-- comment oncebox.health.oldest_lease_until
is 'The first lease of a claim to run out; in the past = its holder is gone or hangs, and no sweep ran since.'

-- comment oncebox.health.oldest_unknown_at
is 'When its last attempt began.'

-- comment oncebox.health.paused_channels
is 'By channel: until when, the code that paused it, and how many times in a row. {} = none.'

-- comment oncebox.health.pruned_until
is 'Final notifications that were settled before may have been pruned; null = nothing was.'

-- comment oncebox.health.set_aside
is 'Of unknown: three workers in a row died with it, so a person has to look.'

-- comment oncebox.health.sms_balance
is 'What is left on the SMS account; null = it was never read.'

-- comment oncebox.health.sms_balance_at
is 'When it was last read; workers read it every five minutes.'

-- comment oncebox.health.sms_balance_currency
is 'In three letters.'

-- comment oncebox.health.sms_balance_low_at
is 'Since when it is below MOBIZON_BALANCE_WARN, or at zero; null = it is not.'

-- comment oncebox.health.undelivered
is 'Of sent: SMS that did not reach their phone, or were declined by a moderator; see docs/delivery.md.'

-- comment oncebox.health.undelivered_24h
is 'Of undelivered: learnt within the last 24 hours.'

-- comment oncebox.health.unknown
is 'May have gone out: the provider is asked, or a person is.'

-- comment oncebox.health.workers
is 'Workers that neither signed off nor were found gone; one that was killed alone is still counted. See workers_alive.'

-- comment oncebox.health.workers_alive
is 'Workers whose lock is held now.'

-- function oncebox.hold(actor text, reason text)
-- returns integer; language plpgsql; volatility v; parallel u; body md5 a245c6106228bba2fa6fe59c90f49f29

-- function oncebox.hold_due()
-- returns bigint[]; language plpgsql; volatility v; parallel u; body md5 8b48fa9ecab817271be0a5648e1c1b36

-- function oncebox.input_problem(field text, problem text, raw text)
-- returns jsonb; language sql; volatility i; parallel s; body md5 c968e6f9444820586a0d5e1137192919

-- function oncebox.is_too_long(template text, lead_name text, data jsonb, at_most integer)
-- returns boolean; language plpgsql; volatility i; parallel s; body md5 c506d589fd44fd7ac3e99d2207d8de73

-- function oncebox.job_counts()
-- returns TABLE(jobs bigint, due bigint, oldest_due_at timestamp with time zone, taken bigint, taken_by_nobody bigint, failed_for_good bigint, due_without_job bigint); language sql; volatility v; parallel u; body md5 8dec407bb79e1bf0fc6286de067dd1d9

-- view oncebox.jobs
create view oncebox.jobs as
 SELECT jobs,
    due,
    oldest_due_at,
    taken,
    taken_by_nobody,
    failed_for_good,
    due_without_job
   FROM oncebox.job_counts() c(jobs, due, oldest_due_at, taken, taken_by_nobody, failed_for_good, due_without_job);

-- comment oncebox.jobs
is 'One row: graphile-worker''s jobs of ours. A job is only a wake-up: deleting one loses nothing. No person''s data.'

-- comment oncebox.jobs.due
is 'Could run now, and wait for a worker.'

-- comment oncebox.jobs.due_without_job
is 'Pending notifications that are due for over a minute and have no job; the next sweep gives them one.'

-- comment oncebox.jobs.failed_for_good
is 'Given up by graphile-worker after all their tries.'

-- comment oncebox.jobs.jobs
is 'All there are; one for each pending notification, and what runs now.'

-- comment oncebox.jobs.oldest_due_at
is 'Of those that are due.'

-- comment oncebox.jobs.taken
is 'Run now, or were taken by a worker that died.'

-- comment oncebox.jobs.taken_by_nobody
is 'Of those taken: by none of the workers that are alive. The next sweep frees them.'

-- function oncebox.keep_draft(notification_id bigint, attempt integer, campaign_id text, message_id text)
-- returns boolean; language plpgsql; volatility v; parallel u; body md5 b0ea135fd2a3031b7940a1c41c8bec8f

-- function oncebox.keep_draft_each(notification_ids bigint[], attempts integer[], campaign_ids text[], message_ids text[])
-- returns TABLE(notification_id bigint, kept boolean); language plpgsql; volatility v; parallel u; body md5 bba26bd097c3ac6e29b8be46b2e7c9d4

-- view oncebox.last_hour
create view oncebox.last_hour as
 SELECT date_trunc('minute'::text, at) AS minute,
    channel,
    count(*) FILTER (WHERE (state = 'sent'::text)) AS sent,
    count(*) FILTER (WHERE (state = 'failed'::text)) AS failed,
    count(*) FILTER (WHERE (state = 'cancelled'::text)) AS cancelled,
    count(*) FILTER (WHERE (state = 'unknown'::text)) AS in_doubt,
    percentile_disc((0.5)::double precision) WITHIN GROUP (ORDER BY lag) FILTER (WHERE (state = 'sent'::text)) AS lag_p50,
    percentile_disc((0.99)::double precision) WITHIN GROUP (ORDER BY lag) FILTER (WHERE (state = 'sent'::text)) AS lag_p99
   FROM ( SELECT settled_at AS at,
            channel,
            state,
            (settled_at - due_at) AS lag
           FROM oncebox.notification n
          WHERE (settled_at > (date_trunc('minute'::text, now()) - '00:59:00'::interval))
        UNION ALL
         SELECT ended_at,
            channel,
            state,
            NULL::interval
           FROM (oncebox.notification n
             JOIN oncebox.attempt a ON (((notification_id = id) AND (attempt = attempt) AND (ended_at > (date_trunc('minute'::text, now()) - '00:59:00'::interval)))))
          WHERE (state = 'unknown'::text)) h
  GROUP BY (date_trunc('minute'::text, at)), channel;

-- comment oncebox.last_hour
is 'What ended in each of the last 60 minutes, by channel, and how late. No person''s data.'

-- comment oncebox.last_hour.failed
is 'Refused, or every try failed.'

-- comment oncebox.last_hour.in_doubt
is 'Their last attempt ended in it, and they are still in doubt.'

-- comment oncebox.last_hour.lag_p50
is 'From due to sent, the median. Of one that was tried before, from when it was tried again.'

-- comment oncebox.last_hour.lag_p99
is 'From due to sent: 99 of 100 were faster.'

-- comment oncebox.last_hour.minute
is 'Its beginning.'

-- comment oncebox.last_hour.sent
is 'The provider took them.'

-- table oncebox.last_sweep
create table oncebox.last_sweep ();

-- column oncebox.last_sweep.at
alter table oncebox.last_sweep add column at timestamp with time zone;

-- column oncebox.last_sweep.only_row
alter table oncebox.last_sweep add column only_row boolean not null default true;

-- constraint oncebox.last_sweep.last_sweep_one_row
alter table oncebox.last_sweep add constraint last_sweep_one_row CHECK (only_row);

-- constraint oncebox.last_sweep.last_sweep_pkey
alter table oncebox.last_sweep add constraint last_sweep_pkey PRIMARY KEY (only_row);

-- comment oncebox.last_sweep
is 'One row: a worker that sweeps leaves its mark here, every five seconds at most.'

-- comment oncebox.last_sweep.at
is 'When a sweep last began; null = none did yet.'

-- comment oncebox.last_sweep.only_row
is 'Always true: there is one row.'

-- view oncebox.lead_history
create view oncebox.lead_history as
 SELECT id AS lead_id,
    created_at AS at,
    NULL::bigint AS notification_id,
    NULL::text AS channel,
    'registered'::text AS event,
    NULL::text AS by,
    ((('from '::text || source) || ', kind '::text) || kind) AS detail
   FROM (public.landing_leads l
     LEFT JOIN oncebox.registration r ON ((lead_id = id)))
UNION ALL
 SELECT lead_id,
    created_at AS at,
    id AS notification_id,
    channel,
    'planned'::text AS event,
    NULL::text AS by,
    ('for '::text ||
        CASE channel
            WHEN 'sms'::text THEN oncebox.mask_phone(recipient)
            ELSE oncebox.mask_email(recipient)
        END) AS detail
   FROM oncebox.notification n
UNION ALL
 SELECT lead_id,
    started_at AS at,
    id AS notification_id,
    channel,
    'claimed'::text AS event,
    ('worker '::text || worker_id) AS by,
    ('attempt '::text || attempt) AS detail
   FROM (oncebox.attempt a
     JOIN oncebox.notification n ON ((id = notification_id)))
UNION ALL
 SELECT lead_id,
    ended_at AS at,
    id AS notification_id,
    channel,
    outcome AS event,
    ('worker '::text || worker_id) AS by,
    concat_ws(', '::text, ('attempt '::text || attempt), code, ('provider''s id '::text || provider_ref)) AS detail
   FROM (oncebox.attempt a
     JOIN oncebox.notification n ON ((id = notification_id)))
  WHERE (ended_at IS NOT NULL)
UNION ALL
 SELECT lead_id,
    at,
    id AS notification_id,
    channel,
    'looked_up'::text AS event,
    ('worker '::text || worker_id) AS by,
    ((((('attempt '::text || attempt) || ', found '::text) || finding) || ', so '::text) || verdict) AS detail
   FROM (oncebox.lookup k
     JOIN oncebox.notification n ON ((id = notification_id)))
UNION ALL
 SELECT lead_id,
    at,
    id AS notification_id,
    channel,
    action AS event,
    actor AS by,
    ((((from_state || ' -> '::text) || to_state) || ': '::text) || reason) AS detail
   FROM (oncebox.audit d
     JOIN oncebox.notification n ON ((id = notification_id)))
UNION ALL
 SELECT lead_id,
    at,
    NULL::bigint AS notification_id,
    NULL::text AS channel,
    action AS event,
    actor AS by,
    reason AS detail
   FROM oncebox.audit d
  WHERE (lead_id IS NOT NULL)
UNION ALL
 SELECT lead_id,
    settled_at AS at,
    id AS notification_id,
    channel,
    ('is '::text || state) AS event,
    NULL::text AS by,
    state_reason AS detail
   FROM oncebox.notification n
  WHERE (settled_at IS NOT NULL)
UNION ALL
 SELECT lead_id,
    delivery_at AS at,
    id AS notification_id,
    channel,
    ('delivery '::text || delivery) AS event,
    NULL::text AS by,
    delivery_detail AS detail
   FROM oncebox.notification n
  WHERE ((delivery_at IS NOT NULL) AND (delivery IS NOT NULL));

-- comment oncebox.lead_history
is 'Everything that happened for a lead, a row each, recipients masked. Ask it by lead_id and sort by at.'

-- comment oncebox.lead_history.at
is 'Null where an adopted lead does not say when it came in.'

-- comment oncebox.lead_history.by
is 'The worker or the person; null = registration, or the database itself.'

-- comment oncebox.lead_history.event
is 'registered, planned, claimed; the outcome of an attempt; looked_up; what a person did; is sent, is failed, is cancelled; how far the provider says that an SMS got, such as delivery DELIVRD.'

-- comment oncebox.lead_history.notification_id
is 'Null for what concerns the lead as a whole.'

-- function oncebox.lead_problem(field text, message text, hint text, code text)
-- returns jsonb; language sql; volatility i; parallel s; body md5 4fe7381e2174562d203da3897993a6c9

-- function oncebox.lead_problems(lead jsonb)
-- returns TABLE(problem jsonb); language plpgsql; volatility s; parallel u; body md5 a016204b75452c056a3cc6be3ba7e7db

-- view oncebox.leads
create view oncebox.leads as
 SELECT id,
    name,
    phone,
    email,
    created_at,
    source,
    kind,
    repeats,
    erased_at
   FROM ((public.landing_leads l
     CROSS JOIN LATERAL oncebox.masked_lead(id) m(name, phone, email, created_at))
     LEFT JOIN oncebox.registration r ON ((lead_id = id)));

-- comment oncebox.leads
is 'Every lead, masked, and what it came with. Ask it by id.'

-- comment oncebox.leads.created_at
is 'When it came in; null where an adopted lead does not say.'

-- comment oncebox.leads.email
is 'Masked.'

-- comment oncebox.leads.erased_at
is 'When its person was erased.'

-- comment oncebox.leads.kind
is 'Which texts it gets.'

-- comment oncebox.leads.name
is 'Masked.'

-- comment oncebox.leads.phone
is 'Masked.'

-- comment oncebox.leads.repeats
is 'How many times the same registration came again.'

-- comment oncebox.leads.source
is 'The form or program it came from; null = it was not registered through oncebox.'

-- function oncebox.leads_of(person text)
-- returns SETOF uuid; language sql; volatility s; parallel u; body md5 f78e11d2406b8cd4c249d2a605700b19

-- function oncebox.line_up(at_most integer)
-- returns integer; language plpgsql; volatility v; parallel u; body md5 a33e5b45c96381ded25c87125a3a32a7

-- function oncebox.lock_state(notification_id bigint)
-- returns text; language plpgsql; volatility v; parallel u; body md5 50c64726788e363db34750f3d8af6d67

-- function oncebox.locks_of_workers()
-- returns SETOF bigint; language sql; volatility v; parallel u; body md5 32b6d8b2c83b3b2e2dc8e453a789af9f

-- table oncebox.lookup
create table oncebox.lookup ();

-- column oncebox.lookup.at
alter table oncebox.lookup add column at timestamp with time zone not null default clock_timestamp();

-- column oncebox.lookup.attempt
alter table oncebox.lookup add column attempt integer not null;

-- column oncebox.lookup.detail
alter table oncebox.lookup add column detail text;

-- column oncebox.lookup.finding
alter table oncebox.lookup add column finding text not null;

-- column oncebox.lookup.id
alter table oncebox.lookup add column id bigint not null generated always as identity;

-- column oncebox.lookup.notification_id
alter table oncebox.lookup add column notification_id bigint not null;

-- column oncebox.lookup.verdict
alter table oncebox.lookup add column verdict text not null;

-- column oncebox.lookup.worker_id
alter table oncebox.lookup add column worker_id uuid not null;

-- constraint oncebox.lookup.lookup_detail_length
alter table oncebox.lookup add constraint lookup_detail_length CHECK ((length(detail) <= 2000));

-- constraint oncebox.lookup.lookup_finding_known
alter table oncebox.lookup add constraint lookup_finding_known CHECK ((finding = ANY (ARRAY['sent'::text, 'rejected'::text, 'draft'::text, 'absent'::text, 'undecided'::text, 'repeat'::text])));

-- constraint oncebox.lookup.lookup_notification_id_fkey
alter table oncebox.lookup add constraint lookup_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES oncebox.notification(id);

-- constraint oncebox.lookup.lookup_pkey
alter table oncebox.lookup add constraint lookup_pkey PRIMARY KEY (id);

-- constraint oncebox.lookup.lookup_verdict_known
alter table oncebox.lookup add constraint lookup_verdict_known CHECK ((verdict = ANY (ARRAY['sent'::text, 'failed'::text, 'pending'::text, 'already_sent'::text, 'later'::text])));

-- index oncebox.lookup_notification
CREATE INDEX lookup_notification ON oncebox.lookup USING btree (notification_id, attempt);

-- row level security oncebox.lookup
alter table oncebox.lookup enable row level security;

-- comment oncebox.lookup
is 'Every question to a provider about an outcome in doubt, and its answer, for ever.'

-- comment oncebox.lookup.attempt
is 'Whose outcome was in doubt.'

-- comment oncebox.lookup.finding
is 'What the provider''s record said.'

-- comment oncebox.lookup.verdict
is 'What followed from it.'

-- comment oncebox.lookup_notification
is 'What was asked about one notification.'

-- view oncebox.lookups
create view oncebox.lookups as
 SELECT notification_id,
    attempt,
    at,
    worker_id,
    finding,
    verdict,
    detail
   FROM oncebox.lookup l;

-- comment oncebox.lookups
is 'Every question to a provider about an outcome in doubt, what it answered and what followed.'

-- comment oncebox.lookups.attempt
is 'Whose outcome was in doubt.'

-- comment oncebox.lookups.finding
is 'What the provider''s record said: sent, rejected, draft, absent; undecided: asked in vain; repeat: the settings say to send again.'

-- comment oncebox.lookups.verdict
is 'What followed: sent, failed, pending (it is sent), already_sent (held, and it had gone out), later (asked again).'

-- function oncebox.make_token(name text, hash bytea, scopes text[], source text, expires_at timestamp with time zone, actor text)
-- returns void; language plpgsql; volatility v; parallel u; body md5 db21ac62568c2ed67400fc750972aa93

-- function oncebox.mask_email(email text)
-- returns text; language sql; volatility i; parallel s; body md5 1666cf274df4bca89104fb67b0d3acea

-- function oncebox.mask_name(name text)
-- returns text; language sql; volatility i; parallel s; body md5 30ed43fe78ece4fb9a64633e5201ff94

-- function oncebox.mask_phone(phone text)
-- returns text; language sql; volatility i; parallel s; body md5 9ceb4eb89be7f6909e4e520d64bab5e4

-- function oncebox.masked_lead(lead_id uuid)
-- returns TABLE(name text, phone text, email text, created_at timestamp with time zone); language sql; volatility s; parallel u; body md5 2d07761e0d1aec072b3a7566e96bf23e

-- table oncebox.migration
create table oncebox.migration ();

-- column oncebox.migration.name
alter table oncebox.migration add column name character varying(255) not null;

-- column oncebox.migration.timestamp
alter table oncebox.migration add column "timestamp" character varying(255) not null;

-- constraint oncebox.migration.migration_pkey
alter table oncebox.migration add constraint migration_pkey PRIMARY KEY (name);

-- comment oncebox.migration
is 'Which migrations were applied, and when; written by oncebox migrate.'

-- function oncebox.missing_variables(wanted text[], lead_name text, data jsonb)
-- returns text[]; language plpgsql; volatility i; parallel s; body md5 230d4013630cd615d6970d2c984c54fe

-- function oncebox.next_delivery_look(sent_at timestamp with time zone)
-- returns timestamp with time zone; language sql; volatility v; parallel u; body md5 ab84185b48e076e8e0cc12099072164e

-- function oncebox.next_due_in(within interval)
-- returns interval; language sql; volatility s; parallel u; body md5 d448707749672b26ae9cc12ee3fc0bae

-- view oncebox.next_hour
create view oncebox.next_hour as
 SELECT date_trunc('minute'::text, due_at) AS minute,
    channel,
    count(*) AS pending
   FROM oncebox.notification n
  WHERE ((state = 'pending'::text) AND (due_at > now()) AND (due_at < (date_trunc('minute'::text, now()) + '01:00:00'::interval)))
  GROUP BY (date_trunc('minute'::text, due_at)), channel;

-- comment oncebox.next_hour
is 'How much becomes due in each of the next 60 minutes, by channel. No person''s data.'

-- comment oncebox.next_hour.minute
is 'Its beginning.'

-- comment oncebox.next_hour.pending
is 'Becomes due in it.'

-- function oncebox.note_act(actor text, action text, subject text, reason text, lead_id uuid)
-- returns void; language sql; volatility v; parallel u; body md5 1b24ba3c90632e3256360c4c3957eae5

-- function oncebox.note_balance(channel text, balance numeric, currency text, warn_below numeric, pause_for interval)
-- returns TABLE(low boolean, paused boolean, opened boolean); language plpgsql; volatility v; parallel u; body md5 64743570863a6b55b27172f5b733ec1f

-- function oncebox.note_deliveries(reports jsonb)
-- returns TABLE(notification_id bigint, lead_id uuid, delivery text); language plpgsql; volatility v; parallel u; body md5 5d1ebb7187e67d24a9647e03dfc2618c

-- function oncebox.notice_epoch()
-- returns integer; language plpgsql; volatility v; parallel u; body md5 3bc494aa44390dc8238abbc16cf490ba

-- table oncebox.notification
create table oncebox.notification ();

-- column oncebox.notification.attempt
alter table oncebox.notification add column attempt integer not null default 0;

-- column oncebox.notification.body
alter table oncebox.notification add column body text;

-- column oncebox.notification.campaign_id
alter table oncebox.notification add column campaign_id text;

-- column oncebox.notification.channel
alter table oncebox.notification add column channel text not null;

-- column oncebox.notification.claim_token
alter table oncebox.notification add column claim_token uuid;

-- column oncebox.notification.cost
alter table oncebox.notification add column cost numeric(12,4);

-- column oncebox.notification.created_at
alter table oncebox.notification add column created_at timestamp with time zone not null default now();

-- column oncebox.notification.deaths
alter table oncebox.notification add column deaths integer not null default 0;

-- column oncebox.notification.delivery
alter table oncebox.notification add column delivery text;

-- column oncebox.notification.delivery_at
alter table oncebox.notification add column delivery_at timestamp with time zone;

-- column oncebox.notification.delivery_checks
alter table oncebox.notification add column delivery_checks integer not null default 0;

-- column oncebox.notification.delivery_detail
alter table oncebox.notification add column delivery_detail text;

-- column oncebox.notification.delivery_look_at
alter table oncebox.notification add column delivery_look_at timestamp with time zone;

-- column oncebox.notification.discard_at
alter table oncebox.notification add column discard_at timestamp with time zone;

-- column oncebox.notification.due_at
alter table oncebox.notification add column due_at timestamp with time zone not null default now();

-- column oncebox.notification.erased_at
alter table oncebox.notification add column erased_at timestamp with time zone;

-- column oncebox.notification.expires_at
alter table oncebox.notification add column expires_at timestamp with time zone;

-- column oncebox.notification.failures
alter table oncebox.notification add column failures integer not null default 0;

-- column oncebox.notification.id
alter table oncebox.notification add column id bigint not null generated always as identity;

-- column oncebox.notification.is_held
alter table oncebox.notification add column is_held boolean not null default false;

-- column oncebox.notification.kind
alter table oncebox.notification add column kind text not null default 'proftest'::text;

-- column oncebox.notification.lead_id
alter table oncebox.notification add column lead_id uuid not null;

-- column oncebox.notification.lease_until
alter table oncebox.notification add column lease_until timestamp with time zone;

-- column oncebox.notification.look_up_at
alter table oncebox.notification add column look_up_at timestamp with time zone;

-- column oncebox.notification.message_id
alter table oncebox.notification add column message_id text;

-- column oncebox.notification.provider_ref
alter table oncebox.notification add column provider_ref text;

-- column oncebox.notification.recipient
alter table oncebox.notification add column recipient text not null;

-- column oncebox.notification.segments
alter table oncebox.notification add column segments integer;

-- column oncebox.notification.settled_at
alter table oncebox.notification add column settled_at timestamp with time zone;

-- column oncebox.notification.slot_at
alter table oncebox.notification add column slot_at timestamp with time zone;

-- column oncebox.notification.state
alter table oncebox.notification add column state text not null default 'pending'::text;

-- column oncebox.notification.state_reason
alter table oncebox.notification add column state_reason text;

-- column oncebox.notification.subject
alter table oncebox.notification add column subject text;

-- column oncebox.notification.worker_id
alter table oncebox.notification add column worker_id uuid;

-- constraint oncebox.notification.notification_attempt_not_negative
alter table oncebox.notification add constraint notification_attempt_not_negative CHECK (((attempt >= 0) AND (failures >= 0)));

-- constraint oncebox.notification.notification_body_length
alter table oncebox.notification add constraint notification_body_length CHECK (((length(body) >= 1) AND (length(body) <=
CASE channel
    WHEN 'sms'::text THEN 1000
    ELSE 20000
END)));

-- constraint oncebox.notification.notification_channel_known
alter table oncebox.notification add constraint notification_channel_known CHECK ((channel = ANY (ARRAY['sms'::text, 'email'::text])));

-- constraint oncebox.notification.notification_cost_not_negative
alter table oncebox.notification add constraint notification_cost_not_negative CHECK ((cost >= (0)::numeric)) NOT VALID;

-- constraint oncebox.notification.notification_delivery_detail_length
alter table oncebox.notification add constraint notification_delivery_detail_length CHECK ((length(delivery_detail) <= 2000)) NOT VALID;

-- constraint oncebox.notification.notification_draft_whole
alter table oncebox.notification add constraint notification_draft_whole CHECK (((campaign_id IS NULL) = (message_id IS NULL)));

-- constraint oncebox.notification.notification_erased_is_final
alter table oncebox.notification add constraint notification_erased_is_final CHECK (((erased_at IS NULL) OR (state = ANY (ARRAY['sent'::text, 'failed'::text, 'cancelled'::text])))) NOT VALID;

-- constraint oncebox.notification.notification_followed_when_sent
alter table oncebox.notification add constraint notification_followed_when_sent CHECK (((delivery_look_at IS NULL) OR ((state = 'sent'::text) AND (channel = 'sms'::text)))) NOT VALID;

-- constraint oncebox.notification.notification_held_while_pending
alter table oncebox.notification add constraint notification_held_while_pending CHECK (((NOT is_held) OR (state = 'pending'::text)));

-- constraint oncebox.notification.notification_holder_while_claimed
alter table oncebox.notification add constraint notification_holder_while_claimed CHECK (((state <> 'claimed'::text) OR (worker_id IS NOT NULL)));

-- constraint oncebox.notification.notification_lead_id_fkey
alter table oncebox.notification add constraint notification_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES public.landing_leads(id);

-- constraint oncebox.notification.notification_lease_iff_claimed
alter table oncebox.notification add constraint notification_lease_iff_claimed CHECK (((state = 'claimed'::text) = (lease_until IS NOT NULL)));

-- constraint oncebox.notification.notification_look_up_when_in_doubt
alter table oncebox.notification add constraint notification_look_up_when_in_doubt CHECK (((look_up_at IS NULL) OR (state = 'unknown'::text) OR is_held));

-- constraint oncebox.notification.notification_once_per_lead_channel_kind
alter table oncebox.notification add constraint notification_once_per_lead_channel_kind UNIQUE (lead_id, channel, kind);

-- constraint oncebox.notification.notification_pkey
alter table oncebox.notification add constraint notification_pkey PRIMARY KEY (id);

-- constraint oncebox.notification.notification_reason_when_not_well
alter table oncebox.notification add constraint notification_reason_when_not_well CHECK (((state <> ALL (ARRAY['failed'::text, 'unknown'::text, 'cancelled'::text])) OR (state_reason IS NOT NULL)));

-- constraint oncebox.notification.notification_recipient_is_one
alter table oncebox.notification add constraint notification_recipient_is_one CHECK (
CASE
    WHEN (erased_at IS NOT NULL) THEN ((recipient = ''::text) AND (subject IS NULL) AND (body IS NULL))
    WHEN (channel = 'sms'::text) THEN (recipient ~ '^\+[1-9][0-9]{6,14}$'::text)
    ELSE ((length(recipient) <= 254) AND (recipient ~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~.-]+@[a-z0-9.-]+$'::text))
END) NOT VALID;

-- constraint oncebox.notification.notification_segments_positive
alter table oncebox.notification add constraint notification_segments_positive CHECK ((segments > 0)) NOT VALID;

-- constraint oncebox.notification.notification_settled_iff_final
alter table oncebox.notification add constraint notification_settled_iff_final CHECK (((state = ANY (ARRAY['sent'::text, 'failed'::text, 'cancelled'::text])) = (settled_at IS NOT NULL)));

-- constraint oncebox.notification.notification_state_known
alter table oncebox.notification add constraint notification_state_known CHECK ((state = ANY (ARRAY['pending'::text, 'claimed'::text, 'sent'::text, 'failed'::text, 'unknown'::text, 'cancelled'::text])));

-- constraint oncebox.notification.notification_subject_length
alter table oncebox.notification add constraint notification_subject_length CHECK (((length(subject) >= 1) AND (length(subject) <= 500)));

-- constraint oncebox.notification.notification_worker_id_fkey
alter table oncebox.notification add constraint notification_worker_id_fkey FOREIGN KEY (worker_id) REFERENCES oncebox.worker(id);

-- index oncebox.notification_delivery_look
CREATE INDEX notification_delivery_look ON oncebox.notification USING btree (COALESCE(message_id, provider_ref), delivery_look_at) WHERE (delivery_look_at IS NOT NULL);

-- index oncebox.notification_discard
CREATE INDEX notification_discard ON oncebox.notification USING btree (discard_at) WHERE ((discard_at IS NOT NULL) AND (state = ANY (ARRAY['sent'::text, 'failed'::text, 'cancelled'::text])));

-- index oncebox.notification_due
CREATE INDEX notification_due ON oncebox.notification USING btree (due_at) WHERE (state = 'pending'::text);

-- index oncebox.notification_holder
CREATE INDEX notification_holder ON oncebox.notification USING btree (worker_id) WHERE (state = 'claimed'::text);

-- index oncebox.notification_lease
CREATE INDEX notification_lease ON oncebox.notification USING btree (lease_until) WHERE (state = 'claimed'::text);

-- index oncebox.notification_look_up
CREATE INDEX notification_look_up ON oncebox.notification USING btree (look_up_at) WHERE (look_up_at IS NOT NULL);

-- index oncebox.notification_not_sent
CREATE INDEX notification_not_sent ON oncebox.notification USING btree (id) WHERE (state = ANY (ARRAY['failed'::text, 'cancelled'::text]));

-- index oncebox.notification_recipient
CREATE INDEX notification_recipient ON oncebox.notification USING btree (recipient, created_at);

-- index oncebox.notification_settled
CREATE INDEX notification_settled ON oncebox.notification USING btree (settled_at) WHERE (settled_at IS NOT NULL);

-- index oncebox.notification_slot
CREATE INDEX notification_slot ON oncebox.notification USING btree (slot_at) WHERE (slot_at IS NOT NULL);

-- index oncebox.notification_undelivered
CREATE INDEX notification_undelivered ON oncebox.notification USING btree (id) WHERE (delivery = ANY (ARRAY['UNDELIV'::text, 'REJECTD'::text, 'EXPIRED'::text, 'DELETED'::text, 'DECLINED'::text]));

-- index oncebox.notification_unknown
CREATE INDEX notification_unknown ON oncebox.notification USING btree (id) WHERE (state = 'unknown'::text);

-- trigger oncebox.notification.notification_after_insert
CREATE TRIGGER notification_after_insert AFTER INSERT ON oncebox.notification REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION oncebox.notification_after_insert();

-- trigger oncebox.notification.notification_before_delete
CREATE TRIGGER notification_before_delete BEFORE DELETE ON oncebox.notification FOR EACH ROW EXECUTE FUNCTION oncebox.notification_before_delete();

-- trigger oncebox.notification.notification_before_insert
CREATE TRIGGER notification_before_insert BEFORE INSERT ON oncebox.notification FOR EACH ROW WHEN ((new.recipient IS NULL)) EXECUTE FUNCTION oncebox.notification_before_insert();

-- trigger oncebox.notification.notification_before_truncate
CREATE TRIGGER notification_before_truncate BEFORE TRUNCATE ON oncebox.notification FOR EACH STATEMENT EXECUTE FUNCTION oncebox.notification_before_delete();

-- row level security oncebox.notification
alter table oncebox.notification enable row level security;

-- comment oncebox.notification
is 'The outbox: one row is one message to one recipient over one channel. Read it through oncebox.notifications, which masks it.'

-- comment oncebox.notification.attempt
is 'Counts claims; the fence: settle accepts only the current one.'

-- comment oncebox.notification.body
is 'Given at registration, or rendered from the template by the first claim and kept from then on.'

-- comment oncebox.notification.campaign_id
is 'What campaign mode prepared with the provider; every later attempt acts on this same campaign.'

-- comment oncebox.notification.claim_token
is 'Who asks again with the token it claimed with gets the same claim: a commit in doubt is decided by asking.'

-- comment oncebox.notification.cost
is 'What the provider charged, in the account''s currency; null = it has not told.'

-- comment oncebox.notification.deaths
is 'Workers in a row that died holding it.'

-- comment oncebox.notification.delivery
is 'What the provider last said of it on its way to the phone.'

-- comment oncebox.notification.delivery_at
is 'When we learnt of the present delivery.'

-- comment oncebox.notification.delivery_checks
is 'How many times the provider was asked how far it got.'

-- comment oncebox.notification.delivery_detail
is 'Of one that was declined: the moderator''s words.'

-- comment oncebox.notification.delivery_look_at
is 'When the provider is asked next how far it got; null = it is final, or was given up.'

-- comment oncebox.notification.discard_at
is 'When the provider''s record is looked through for drafts that an attempt may have left behind; null = there are none.'

-- comment oncebox.notification.due_at
is 'Not sent before.'

-- comment oncebox.notification.erased_at
is 'When its person was erased: the row stays, so that nothing is sent again; null = never.'

-- comment oncebox.notification.expires_at
is 'Not sent after; null = never too late.'

-- comment oncebox.notification.failures
is 'Tries that failed for this message''s own sake; trouble of a whole channel does not count.'

-- comment oncebox.notification.is_held
is 'Was due when the database turned out to be another one, or an older one: not sent before a comparison.'

-- comment oncebox.notification.lease_until
is 'How long its claim is good for; null = it is not claimed.'

-- comment oncebox.notification.look_up_at
is 'When the provider is asked next what became of it; null = it is not in doubt.'

-- comment oncebox.notification.message_id
is 'The message in that campaign.'

-- comment oncebox.notification.provider_ref
is 'The provider''s own id of the message that it took.'

-- comment oncebox.notification.recipient
is 'One number in E.164 with +, or one address.'

-- comment oncebox.notification.segments
is 'The parts that an SMS is sent and paid as: computed by the claim, and the provider''s own number once it told.'

-- comment oncebox.notification.settled_at
is 'When it became sent, failed or cancelled.'

-- comment oncebox.notification.slot_at
is 'With a send rate: the moment that is kept for it.'

-- comment oncebox.notification.state_reason
is 'Why it is failed, unknown or cancelled, or pending again.'

-- comment oncebox.notification.subject
is 'Of emails only.'

-- comment oncebox.notification.worker_id
is 'Who holds it, or held it last.'

-- function oncebox.notification_after_insert()
-- returns trigger; language plpgsql; volatility v; parallel u; body md5 ff54906eb7720cee81b68b4274037763

-- function oncebox.notification_before_delete()
-- returns trigger; language plpgsql; volatility v; parallel u; body md5 854b40d9726a4d7bbfa4423260782f64

-- function oncebox.notification_before_insert()
-- returns trigger; language plpgsql; volatility v; parallel u; body md5 89034533246a7b07dbd41b1a80cf86ff

-- comment oncebox.notification_delivery_look
is 'Whose provider is to be asked how far it got (deliveries), and whom a webhook is about.'

-- comment oncebox.notification_discard
is 'Whose left drafts are to be thrown away now (discard).'

-- comment oncebox.notification_due
is 'The next due row (alarm) and due rows without a job (sweep).'

-- comment oncebox.notification_holder
is 'What a dead worker held (sweep).'

-- comment oncebox.notification_lease
is 'Claims whose lease ran out (sweep).'

-- comment oncebox.notification_look_up
is 'Whose provider is to be asked now (reconcile).'

-- comment oncebox.notification_not_sent
is 'The few that ended otherwise than sent (lists by state, duplicates prevented).'

-- comment oncebox.notification_recipient
is 'What a person got, and how often a number was registered of late (leads of a person, limits of the HTTP API).'

-- comment oncebox.notification_settled
is 'The oldest final rows (prune).'

-- comment oncebox.notification_slot
is 'The next moment kept for a send (alarm).'

-- comment oncebox.notification_undelivered
is 'The few that did not reach their phone (lists, health).'

-- comment oncebox.notification_unknown
is 'What is in doubt (reconcile, health).'

-- view oncebox.notifications
create view oncebox.notifications as
 SELECT id,
    lead_id,
    channel,
    kind,
        CASE channel
            WHEN 'sms'::text THEN oncebox.mask_phone(recipient)
            ELSE oncebox.mask_email(recipient)
        END AS recipient,
    state,
    state_reason,
    attempt,
    failures,
    deaths,
    is_held,
    look_up_at,
    due_at,
    expires_at,
    created_at,
    settled_at,
    worker_id,
    lease_until,
    campaign_id,
    provider_ref,
    delivery,
    oncebox.reference(id) AS reference,
    delivery_at,
    delivery_detail,
    delivery_checks,
    delivery_look_at,
    ((delivery_look_at IS NULL) AND (delivery_checks > 0) AND (COALESCE(delivery, ''::text) <> ALL (ARRAY['DELIVRD'::text, 'UNDELIV'::text, 'REJECTD'::text, 'EXPIRED'::text, 'DELETED'::text, 'DECLINED'::text]))) AS has_no_report,
    segments,
    cost
   FROM oncebox.notification n;

-- comment oncebox.notifications
is 'Every notification, with masked recipients and without texts.'

-- comment oncebox.notifications.attempt
is 'The number of the last claim; 0 = none yet. Ten are skipped when the database travelled in time.'

-- comment oncebox.notifications.campaign_id
is 'Mobizon''s draft of it, which every attempt acts on; null = there is none yet.'

-- comment oncebox.notifications.cost
is 'What the provider charged, in the account''s currency; null = it has not told.'

-- comment oncebox.notifications.deaths
is 'Workers in a row that died holding it; the third sets it aside.'

-- comment oncebox.notifications.delivery
is 'What the provider last said of an SMS on its way to the phone: moderation, NEW, ENQUEUD, ACCEPTD, PDLIVRD; final: DELIVRD, UNDELIV, REJECTD, EXPIRED, DELETED; DECLINED by its moderator. See docs/delivery.md.'

-- comment oncebox.notifications.delivery_at
is 'When we learnt of it.'

-- comment oncebox.notifications.delivery_checks
is 'How many times the provider was asked how far it got.'

-- comment oncebox.notifications.delivery_detail
is 'Of one that was declined: the moderator''s words, cut and cleaned.'

-- comment oncebox.notifications.delivery_look_at
is 'When it is asked next; null = it is final, or was given up.'

-- comment oncebox.notifications.due_at
is 'Not sent before; of one that was tried already, when it is tried again.'

-- comment oncebox.notifications.expires_at
is 'Not sent after; null = never too late.'

-- comment oncebox.notifications.failures
is 'Tries that failed for this message''s own sake; trouble of a whole channel does not count.'

-- comment oncebox.notifications.has_no_report
is 'Three days after it was sent the provider had not said how it ended: nobody knows.'

-- comment oncebox.notifications.is_held
is 'Not sent before a comparison: the database is another one than it was. See docs/time-travel.md.'

-- comment oncebox.notifications.lease_until
is 'How long its claim is good for; null = it is not claimed.'

-- comment oncebox.notifications.look_up_at
is 'When the provider is asked next what became of it; null = it is not asked.'

-- comment oncebox.notifications.provider_ref
is 'The provider''s own id of the message that it took.'

-- comment oncebox.notifications.recipient
is 'Masked.'

-- comment oncebox.notifications.reference
is 'The name by which the provider''s record of it is recognised: the campaign''s name, the Message-ID''s local part.'

-- comment oncebox.notifications.segments
is 'The parts that an SMS is sent and paid as: computed by the claim, and the provider''s own number once it told.'

-- comment oncebox.notifications.settled_at
is 'When it became sent, failed or cancelled; null = it is not final.'

-- comment oncebox.notifications.state_reason
is 'Why it is failed, unknown or cancelled, or pending again: a code, or what a person wrote.'

-- comment oncebox.notifications.worker_id
is 'Who holds it, or held it last.'

-- function oncebox.open_channel(channel text)
-- returns void; language sql; volatility v; parallel u; body md5 27a028980049fec1d2f8dbc0eca12375

-- function oncebox.open_session(hash bytea, token_hash bytea, actor text)
-- returns void; language sql; volatility v; parallel u; body md5 785cffb310e326f1329d1e9ea137ee1e

-- function oncebox.over_limit(leads jsonb, per_phone integer, since interval)
-- returns TABLE(record integer, wait interval); language plpgsql; volatility v; parallel u; body md5 0b61967b4778112172c2ed90660adfa4

-- function oncebox.parse_email(raw text)
-- returns TABLE(email text, problem text); language sql; volatility i; parallel s; body md5 b90b6c5c163330445fe529c1c294f58d

-- function oncebox.parse_phone(raw text)
-- returns TABLE(phone text, problem text); language sql; volatility s; parallel s; body md5 8f25d2598e67bd32eabfd00639895bca

-- function oncebox.parse_since(raw text)
-- returns timestamp with time zone; language plpgsql; volatility s; parallel u; body md5 ca63301d1f07c87e34b0b387939aa49d

-- function oncebox.parse_time(raw text)
-- returns timestamp with time zone; language plpgsql; volatility s; parallel u; body md5 64f840dc1bc3bbeb8f951b2fd7dc3c82

-- function oncebox.pause_channel(channel text, pause_for interval, reason text, pauses integer)
-- returns void; language sql; volatility v; parallel u; body md5 263da42040c19106bee0c6f562742691

-- table oncebox.phone_plan
create table oncebox.phone_plan ();

-- column oncebox.phone_plan.accepted
alter table oncebox.phone_plan add column accepted boolean not null default true;

-- column oncebox.phone_plan.calling_code
alter table oncebox.phone_plan add column calling_code text collate "C" not null;

-- column oncebox.phone_plan.country
alter table oncebox.phone_plan add column country text collate "C" not null;

-- column oncebox.phone_plan.mobile_pattern
alter table oncebox.phone_plan add column mobile_pattern text collate "C" not null;

-- column oncebox.phone_plan.trunk_prefix
alter table oncebox.phone_plan add column trunk_prefix text collate "C" not null default ''::text;

-- constraint oncebox.phone_plan.phone_plan_calling_code_is_digits
alter table oncebox.phone_plan add constraint phone_plan_calling_code_is_digits CHECK ((calling_code ~ '^[1-9][0-9]{0,2}$'::text));

-- constraint oncebox.phone_plan.phone_plan_country_is_two_letters
alter table oncebox.phone_plan add constraint phone_plan_country_is_two_letters CHECK ((country ~ '^[A-Z]{2}$'::text));

-- constraint oncebox.phone_plan.phone_plan_mobile_pattern_is_anchored
alter table oncebox.phone_plan add constraint phone_plan_mobile_pattern_is_anchored CHECK ((mobile_pattern ~~ '^(?:%)$'::text));

-- constraint oncebox.phone_plan.phone_plan_pkey
alter table oncebox.phone_plan add constraint phone_plan_pkey PRIMARY KEY (calling_code, country);

-- constraint oncebox.phone_plan.phone_plan_trunk_prefix_is_digits
alter table oncebox.phone_plan add constraint phone_plan_trunk_prefix_is_digits CHECK ((trunk_prefix ~ '^[0-9]{0,2}$'::text));

-- options oncebox.phone_plan
alter table oncebox.phone_plan set (fillfactor=10);

-- comment oncebox.phone_plan
is 'Which numbers of which country can get an SMS. Made by sql/phone_plan.sql; only accepted is yours to change.'

-- comment oncebox.phone_plan.accepted
is 'false: leads with numbers of this country are refused (against SMS pumping).'

-- comment oncebox.phone_plan.calling_code
is 'Without the +.'

-- comment oncebox.phone_plan.country
is 'In two letters (ISO 3166).'

-- comment oncebox.phone_plan.mobile_pattern
is 'The whole number after the calling code; fixed lines too where a country does not tell them apart.'

-- comment oncebox.phone_plan.trunk_prefix
is 'What is dialled before a number at home (8 in Kazakhstan); forgiven after the calling code.'

-- view oncebox.prevented
create view oncebox.prevented as
 SELECT 'already_sent'::text AS how,
    channel,
    count(*) AS messages,
        CASE channel
            WHEN 'sms'::text THEN sum(COALESCE(segments, 1))
            ELSE NULL::bigint
        END AS segments
   FROM oncebox.notification n
  WHERE ((state = ANY (ARRAY['failed'::text, 'cancelled'::text])) AND (state = 'cancelled'::text) AND (state_reason = 'already_sent'::text))
  GROUP BY channel
UNION ALL
 SELECT 'repeated'::text AS how,
    channel,
    sum(repeats) AS messages,
        CASE channel
            WHEN 'sms'::text THEN sum((repeats * COALESCE(segments, 1)))
            ELSE NULL::bigint
        END AS segments
   FROM (oncebox.registration r
     JOIN oncebox.notification n ON ((lead_id = lead_id)))
  WHERE (repeats > 0)
  GROUP BY channel
UNION ALL
 SELECT 'found_sent'::text AS how,
    channel,
    count(*) AS messages,
        CASE channel
            WHEN 'sms'::text THEN sum(COALESCE(segments, 1))
            ELSE NULL::bigint
        END AS segments
   FROM (oncebox.lookup k
     JOIN oncebox.notification n ON ((id = notification_id)))
  WHERE (verdict = ANY (ARRAY['sent'::text, 'already_sent'::text]))
  GROUP BY channel;

-- comment oncebox.prevented
is 'Messages that a program which looks, sends and then writes would have sent twice, since ever. No person''s data.'

-- comment oncebox.prevented.how
is 'already_sent: somebody else had set the lead''s flag; repeated: the same registration came again; found_sent: in doubt, and the provider''s record had it.'

-- comment oncebox.prevented.messages
is 'How many.'

-- comment oncebox.prevented.segments
is 'What they would have been paid as; null for email. One that was never rendered counts as one.'

-- function oncebox.preview_text(channel text, subject text, body text, name text, data jsonb)
-- returns TABLE(rendered_subject text, rendered_body text, segments integer, missing text[]); language sql; volatility s; parallel u; body md5 00483a43d169b2f215f17ae6dc15ffa0

-- function oncebox.prunable(older_than interval)
-- returns bigint; language sql; volatility s; parallel u; body md5 d191fdf03c24cd0d959b6991f000c878

-- function oncebox.prune(older_than interval, at_most integer)
-- returns integer; language plpgsql; volatility v; parallel u; body md5 d73730de8cca3bb56beb07078b1b4dd6

-- view oncebox.pulse
create view oncebox.pulse as
 SELECT ( SELECT at
           FROM oncebox.last_sweep s) AS last_sweep_at,
    ( SELECT count(*) AS count
           FROM oncebox.worker w
          WHERE ((stopped_at IS NULL) AND (gone_at IS NULL) AND (lock_key = ANY (ARRAY( SELECT oncebox.locks_of_workers() AS locks_of_workers))))) AS workers_alive,
    ( SELECT
                CASE
                    WHEN is_called THEN last_value
                    ELSE (0)::bigint
                END AS "case"
           FROM oncebox.notification_id_seq i) AS notifications_made;

-- comment oncebox.pulse
is 'One row: the last sweep, workers alive, how many notifications were ever made. No person''s data. Reads no notification.'

-- comment oncebox.pulse.last_sweep_at
is 'When a worker last swept, to five seconds; null = none ever did.'

-- comment oncebox.pulse.notifications_made
is 'By whomever, since the first one; those whose transaction was rolled back are counted, too.'

-- comment oncebox.pulse.workers_alive
is 'Workers whose lock is held now.'

-- function oncebox.put_flag(lead_id uuid, channel text, sent boolean, sent_at timestamp with time zone)
-- returns void; language sql; volatility v; parallel u; body md5 6094ec5c1c7a7ee1c32455c2a185f5b7

-- view oncebox.queue
create view oncebox.queue as
 SELECT channel,
    COALESCE(due, (0)::bigint) AS due,
    COALESCE(claimed, (0)::bigint) AS claimed,
    COALESCE(unknown, (0)::bigint) AS unknown,
    COALESCE(held, (0)::bigint) AS held,
    oldest_due_at,
    oldest_unknown_at,
    paused_until,
    pause_reason,
    balance,
    balance_currency,
    balance_at,
    balance_low_at,
    segment_price
   FROM (((oncebox.channel c
     LEFT JOIN ( SELECT channel,
            count(*) FILTER (WHERE (NOT is_held)) AS due,
            count(*) FILTER (WHERE is_held) AS held,
            min(due_at) FILTER (WHERE (NOT is_held)) AS oldest_due_at
           FROM oncebox.notification n
          WHERE ((state = 'pending'::text) AND (due_at <= now()))
          GROUP BY channel) d ON ((channel = channel)))
     LEFT JOIN ( SELECT channel,
            count(*) AS claimed
           FROM oncebox.notification n
          WHERE (state = 'claimed'::text)
          GROUP BY channel) k ON ((channel = channel)))
     LEFT JOIN ( SELECT channel,
            count(*) AS unknown,
            min(started_at) AS oldest_unknown_at
           FROM (oncebox.notification n
             JOIN oncebox.attempt a ON (((notification_id = id) AND (attempt = attempt))))
          WHERE (state = 'unknown'::text)
          GROUP BY channel) u ON ((channel = channel)));

-- comment oncebox.queue
is 'What waits, by channel: due, claimed, in doubt, held. No person''s data. Reads only what is not over.'

-- comment oncebox.queue.balance
is 'What is left on the provider''s account; null = it was never read.'

-- comment oncebox.queue.balance_at
is 'When it was last read.'

-- comment oncebox.queue.balance_currency
is 'In three letters (ISO 4217).'

-- comment oncebox.queue.balance_low_at
is 'Since when it is below MOBIZON_BALANCE_WARN; null = it is not.'

-- comment oncebox.queue.due
is 'Pending, due by now, and not held.'

-- comment oncebox.queue.held
is 'Due, and not sent before a comparison, because the database is another one than it was; see oncebox.guard.'

-- comment oncebox.queue.oldest_due_at
is 'Of those that are due; more than seconds ago = something is stuck.'

-- comment oncebox.queue.oldest_unknown_at
is 'When the last attempt of the oldest one in doubt began.'

-- comment oncebox.queue.pause_reason
is 'The code that paused it.'

-- comment oncebox.queue.paused_until
is 'Null = the channel is open. In the past = one claim at a time may try whether it is well again.'

-- comment oncebox.queue.segment_price
is 'What the provider last charged for a part of an SMS; null = it has not told.'

-- comment oncebox.queue.unknown
is 'May have gone out: the provider is asked, or a person is.'

-- function oncebox.reconcile(notification_id bigint, attempt integer, worker_id uuid, finding text, detail text, provider_ref text, campaign_id text, delivery text)
-- returns text; language plpgsql; volatility v; parallel u; body md5 b29f0d755a91cb77f0ad5932c96e4ad4

-- function oncebox.reference(notification_id bigint)
-- returns text; language sql; volatility s; parallel u; body md5 f3840ead1816263515e2266964193034

-- function oncebox.register_each(leads jsonb)
-- returns TABLE(record integer, lead_id uuid, created boolean, problem jsonb); language plpgsql; volatility v; parallel u; body md5 568a1b6d081b0f969f4652b9dbc261ba

-- function oncebox.register_lead(name text, phone text, email text, source text, idempotency_key text, due_at timestamp with time zone, data jsonb, kind text, expires_at timestamp with time zone, sms_text text, email_subject text, email_text text)
-- returns TABLE(lead_id uuid, created boolean); language plpgsql; volatility v; parallel u; body md5 c00a71866268f78ea12eb5d78986d45b

-- function oncebox.register_leads(leads jsonb, skip_refused boolean)
-- returns TABLE(record integer, lead_id uuid, created boolean, problem jsonb); language plpgsql; volatility v; parallel u; body md5 1183b59f35f6d823ee714b3f4eea1444

-- table oncebox.registration
create table oncebox.registration ();

-- column oncebox.registration.created_at
alter table oncebox.registration add column created_at timestamp with time zone not null default now();

-- column oncebox.registration.data
alter table oncebox.registration add column data jsonb not null;

-- column oncebox.registration.erased_at
alter table oncebox.registration add column erased_at timestamp with time zone;

-- column oncebox.registration.fingerprint
alter table oncebox.registration add column fingerprint bytea not null;

-- column oncebox.registration.idempotency_key
alter table oncebox.registration add column idempotency_key text;

-- column oncebox.registration.kind
alter table oncebox.registration add column kind text not null;

-- column oncebox.registration.lead_id
alter table oncebox.registration add column lead_id uuid not null;

-- column oncebox.registration.repeats
alter table oncebox.registration add column repeats integer not null default 0;

-- column oncebox.registration.source
alter table oncebox.registration add column source text not null;

-- column oncebox.registration.traceparent
alter table oncebox.registration add column traceparent text;

-- constraint oncebox.registration.registration_data_is_object
alter table oncebox.registration add constraint registration_data_is_object CHECK ((jsonb_typeof(data) = 'object'::text));

-- constraint oncebox.registration.registration_key_length
alter table oncebox.registration add constraint registration_key_length CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 255)));

-- constraint oncebox.registration.registration_key_once_per_source
alter table oncebox.registration add constraint registration_key_once_per_source UNIQUE (source, idempotency_key);

-- constraint oncebox.registration.registration_lead_id_fkey
alter table oncebox.registration add constraint registration_lead_id_fkey FOREIGN KEY (lead_id) REFERENCES public.landing_leads(id);

-- constraint oncebox.registration.registration_pkey
alter table oncebox.registration add constraint registration_pkey PRIMARY KEY (lead_id);

-- constraint oncebox.registration.registration_source_length
alter table oncebox.registration add constraint registration_source_length CHECK (((length(source) >= 1) AND (length(source) <= 100)));

-- constraint oncebox.registration.registration_traceparent_is_w3c
alter table oncebox.registration add constraint registration_traceparent_is_w3c CHECK ((traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'::text)) NOT VALID;

-- index oncebox.registration_erased
CREATE INDEX registration_erased ON oncebox.registration USING btree (erased_at) WHERE (erased_at IS NOT NULL);

-- index oncebox.registration_repeated
CREATE INDEX registration_repeated ON oncebox.registration USING btree (lead_id) WHERE (repeats > 0);

-- row level security oncebox.registration
alter table oncebox.registration enable row level security;

-- comment oncebox.registration
is 'One row a lead that was registered through oncebox: what it came with.'

-- comment oncebox.registration.data
is 'Variables of the texts.'

-- comment oncebox.registration.erased_at
is 'When its person was erased: the key is a hash from then on, and still recognised; null = never.'

-- comment oncebox.registration.fingerprint
is 'Of the content, so that a key used again is known to say the same.'

-- comment oncebox.registration.idempotency_key
is 'Unique per source: the same key is the same lead.'

-- comment oncebox.registration.repeats
is 'How many times the same key came again with the same content, about: two at the same moment may count as one.'

-- comment oncebox.registration.source
is 'The form or program it came from.'

-- comment oncebox.registration.traceparent
is 'W3C trace context of the registration, from the setting oncebox.traceparent of its transaction; null = it was in none.'

-- comment oncebox.registration_erased
is 'Whether a key has to be looked for among the erased ones (register).'

-- comment oncebox.registration_repeated
is 'How many duplicates were prevented at registration (overview).'

-- function oncebox.release(notification_id bigint, attempt integer, reason text)
-- returns boolean; language plpgsql; volatility v; parallel u; body md5 b5b2dade49c7e9ff07b708779094db87

-- function oncebox.remember_epoch()
-- returns void; language plpgsql; volatility v; parallel u; body md5 6e244f1eb5a5c09590048e0337f0aff0

-- function oncebox.render(template text, variables jsonb)
-- returns text; language plpgsql; volatility i; parallel s; body md5 fbd4cec5f99ce11448ba177e497c37f8

-- function oncebox.reopen_channel(channel text, actor text, reason text)
-- returns void; language plpgsql; volatility v; parallel u; body md5 9047889ebaa698eec61344366b87e80c

-- function oncebox.resolve(notification_id bigint, state text, actor text, reason text, provider_ref text)
-- returns void; language plpgsql; volatility v; parallel u; body md5 00e6d55bc03b0d36b398ee57c4a04ce1

-- function oncebox.resume(channel text, actor text, reason text)
-- returns integer; language plpgsql; volatility v; parallel u; body md5 90e85aeeeaf74232aacdc2f6bec2af20

-- function oncebox.retry(notification_id bigint, actor text, reason text)
-- returns void; language plpgsql; volatility v; parallel u; body md5 3b317abcfb8e419ac2d27f603e55ebb2

-- function oncebox.reveal(lead_id uuid, actor text, reason text)
-- returns TABLE(name text, phone text, email text); language plpgsql; volatility v; parallel u; body md5 205c9a68e7aa8740bca5a621378e3edd

-- function oncebox.revoke_token(name text, actor text, reason text)
-- returns void; language plpgsql; volatility v; parallel u; body md5 e1a3896146d419c02528df338194f8e8

-- function oncebox.ring()
-- returns void; language sql; volatility v; parallel u; body md5 4c91d9b0a186e9f12402b9f8ed98455b

-- function oncebox.save_template(kind text, channel text, subject text, body text, actor text, reason text)
-- returns void; language sql; volatility v; parallel u; body md5 7d7940381073373f70f670f26101fa8b

-- function oncebox.send_test(kind text, channel text, recipient text, name text, data jsonb, actor text)
-- returns uuid; language plpgsql; volatility v; parallel u; body md5 10d0b0d2d4eb5a1c573dd54d383d82dc

-- view oncebox.sends_per_day
create view oncebox.sends_per_day as
 SELECT date_trunc('day'::text, ended_at) AS day,
    channel,
    count(*) AS attempts,
    count(*) FILTER (WHERE (outcome = 'accepted'::text)) AS accepted,
    count(*) FILTER (WHERE (outcome = 'rejected'::text)) AS rejected,
    count(*) FILTER (WHERE (outcome = 'not_sent'::text)) AS not_sent,
    count(*) FILTER (WHERE (outcome = ANY (ARRAY['unknown'::text, 'swept'::text]))) AS in_doubt,
    count(*) FILTER (WHERE (outcome = 'released'::text)) AS released
   FROM (oncebox.attempt a
     JOIN oncebox.notification n ON ((id = notification_id)))
  WHERE (ended_at IS NOT NULL)
  GROUP BY (date_trunc('day'::text, ended_at)), channel;

-- comment oncebox.sends_per_day
is 'How the attempts that ended in each day ended, by channel. No person''s data. Reads every attempt.'

-- comment oncebox.sends_per_day.accepted
is 'The provider took it.'

-- comment oncebox.sends_per_day.attempts
is 'All that ended then.'

-- comment oncebox.sends_per_day.day
is 'Its beginning, in the session''s time zone.'

-- comment oncebox.sends_per_day.in_doubt
is 'May have gone out, and was not decided by a late answer or the provider''s record.'

-- comment oncebox.sends_per_day.not_sent
is 'Provably not sent; it is tried again.'

-- comment oncebox.sends_per_day.rejected
is 'The provider refused it for good.'

-- comment oncebox.sends_per_day.released
is 'Given back untried, as by a worker that was told to stop.'

-- view oncebox.sends_per_hour
create view oncebox.sends_per_hour as
 SELECT date_trunc('hour'::text, ended_at) AS hour,
    channel,
    count(*) AS attempts,
    count(*) FILTER (WHERE (outcome = 'accepted'::text)) AS accepted,
    count(*) FILTER (WHERE (outcome = 'rejected'::text)) AS rejected,
    count(*) FILTER (WHERE (outcome = 'not_sent'::text)) AS not_sent,
    count(*) FILTER (WHERE (outcome = ANY (ARRAY['unknown'::text, 'swept'::text]))) AS in_doubt,
    count(*) FILTER (WHERE (outcome = 'released'::text)) AS released
   FROM (oncebox.attempt a
     JOIN oncebox.notification n ON ((id = notification_id)))
  WHERE (ended_at IS NOT NULL)
  GROUP BY (date_trunc('hour'::text, ended_at)), channel;

-- comment oncebox.sends_per_hour
is 'How the attempts that ended in each hour ended, by channel. No person''s data. Reads every attempt.'

-- comment oncebox.sends_per_hour.accepted
is 'The provider took it.'

-- comment oncebox.sends_per_hour.attempts
is 'All that ended then.'

-- comment oncebox.sends_per_hour.hour
is 'Its beginning, in the session''s time zone.'

-- comment oncebox.sends_per_hour.in_doubt
is 'May have gone out, and was not decided by a late answer or the provider''s record.'

-- comment oncebox.sends_per_hour.not_sent
is 'Provably not sent; it is tried again.'

-- comment oncebox.sends_per_hour.rejected
is 'The provider refused it for good.'

-- comment oncebox.sends_per_hour.released
is 'Given back untried, as by a worker that was told to stop.'

-- table oncebox.session
create table oncebox.session ();

-- column oncebox.session.created_at
alter table oncebox.session add column created_at timestamp with time zone not null default now();

-- column oncebox.session.hash
alter table oncebox.session add column hash bytea not null;

-- column oncebox.session.seen_at
alter table oncebox.session add column seen_at timestamp with time zone not null default now();

-- column oncebox.session.token_hash
alter table oncebox.session add column token_hash bytea not null;

-- constraint oncebox.session.session_hash_is_sha256
alter table oncebox.session add constraint session_hash_is_sha256 CHECK (((octet_length(hash) = 32) AND (octet_length(token_hash) = 32)));

-- constraint oncebox.session.session_pkey
alter table oncebox.session add constraint session_pkey PRIMARY KEY (hash);

-- row level security oncebox.session
alter table oncebox.session enable row level security;

-- comment oncebox.session
is 'One row a person who is signed in to the dashboard; only the cookie''s hash is kept. Over after 30 minutes unused, or 12 hours.'

-- comment oncebox.session.hash
is 'SHA-256 of the cookie.'

-- comment oncebox.session.seen_at
is 'When it was last used, to a minute.'

-- comment oncebox.session.token_hash
is 'SHA-256 of the token it was opened with: it ends when that does.'

-- table oncebox.setting
create table oncebox.setting ();

-- column oncebox.setting.database
alter table oncebox.setting add column database text;

-- column oncebox.setting.delay
alter table oncebox.setting add column delay interval not null default '00:10:00'::interval;

-- column oncebox.setting.installation_id
alter table oncebox.setting add column installation_id uuid not null default gen_random_uuid();

-- column oncebox.setting.migrated_by
alter table oncebox.setting add column migrated_by text;

-- column oncebox.setting.only_row
alter table oncebox.setting add column only_row boolean not null default true;

-- column oncebox.setting.pruned_until
alter table oncebox.setting add column pruned_until timestamp with time zone;

-- column oncebox.setting.required_migration
alter table oncebox.setting add column required_migration text;

-- column oncebox.setting.system_identifier
alter table oncebox.setting add column system_identifier text;

-- column oncebox.setting.timeline
alter table oncebox.setting add column timeline text;

-- column oncebox.setting.travelled_at
alter table oncebox.setting add column travelled_at timestamp with time zone;

-- constraint oncebox.setting.setting_delay_not_negative
alter table oncebox.setting add constraint setting_delay_not_negative CHECK ((delay >= '00:00:00'::interval));

-- constraint oncebox.setting.setting_one_row
alter table oncebox.setting add constraint setting_one_row CHECK (only_row);

-- constraint oncebox.setting.setting_pkey
alter table oncebox.setting add constraint setting_pkey PRIMARY KEY (only_row);

-- comment oncebox.setting
is 'One row: what this database is, and what it does when a caller leaves a thing open.'

-- comment oncebox.setting.database
is 'The database''s oid and its notification table''s.'

-- comment oncebox.setting.delay
is 'From registration to the first send. Yours to change.'

-- comment oncebox.setting.installation_id
is 'In every name we give a provider, so that two databases on one account are told apart. Never change it.'

-- comment oncebox.setting.migrated_by
is 'The version of oncebox that ran migrate up last.'

-- comment oncebox.setting.only_row
is 'Always true: there is one row.'

-- comment oncebox.setting.pruned_until
is 'Notifications settled before may have been pruned, so no lead that came in before is adopted; null = nothing was pruned.'

-- comment oncebox.setting.required_migration
is 'The newest migration that a worker has to know to run here; written by migrate up.'

-- comment oncebox.setting.system_identifier
is 'Of the cluster in which the outbox was written; null = nothing was yet.'

-- comment oncebox.setting.timeline
is 'Of that cluster, in hexadecimal; a promotion or a recovery begins a new one.'

-- comment oncebox.setting.travelled_at
is 'When these three were last found to be others; null = never.'

-- function oncebox.settle(notification_id bigint, attempt integer, outcome text, state text, code text, detail text, provider_ref text, campaign_id text, delivery text, retry_in interval, counts boolean, pause_for interval, pauses integer)
-- returns TABLE(moved boolean, now_state text); language plpgsql; volatility v; parallel u; body md5 167025ee33334ca17aeebc1c29d92dbf

-- function oncebox.settle_each(told jsonb)
-- returns TABLE(notification_id bigint, moved boolean, now_state text); language plpgsql; volatility v; parallel u; body md5 f474c4641d9cd17cd724f6348f294925

-- view oncebox.sms_cost
create view oncebox.sms_cost as
 SELECT date_trunc('day'::text, settled_at) AS day,
    kind,
    count(*) AS messages,
    sum(COALESCE(segments, oncebox.sms_segments(body))) AS segments,
    max(COALESCE(segments, oncebox.sms_segments(body))) AS longest,
    count(*) FILTER (WHERE ((body IS NULL) AND (segments IS NULL))) AS without_text,
    sum(cost) AS cost,
    sum(((COALESCE(segments, oncebox.sms_segments(body)))::numeric * segment_price)) FILTER (WHERE (cost IS NULL)) AS estimated
   FROM (oncebox.notification n
     JOIN oncebox.channel c ON ((channel = channel)))
  WHERE ((channel = 'sms'::text) AND (state = 'sent'::text))
  GROUP BY (date_trunc('day'::text, settled_at)), kind;

-- comment oncebox.sms_cost
is 'SMS that were sent each day, by kind, and the parts they are paid as. No person''s data; what is in doubt is not counted.'

-- comment oncebox.sms_cost.cost
is 'What the provider charged for those of which it told, in the account''s currency.'

-- comment oncebox.sms_cost.day
is 'Its beginning, in the session''s time zone.'

-- comment oncebox.sms_cost.estimated
is 'What those of which it has not told would cost, at the last price of a part.'

-- comment oncebox.sms_cost.longest
is 'Parts of the longest one; more than you meant = shorten the template.'

-- comment oncebox.sms_cost.messages
is 'SMS that the provider took.'

-- comment oncebox.sms_cost.segments
is 'What they are paid as: parts of 160 or 153 characters, in Cyrillic of 70 or 67.'

-- comment oncebox.sms_cost.without_text
is 'Of messages: their text is no longer kept, so their parts are not counted.'

-- function oncebox.sms_segments(body text)
-- returns integer; language plpgsql; volatility i; parallel s; body md5 001dac9d68665aac5eeb2f7929d40213

-- function oncebox.standing_key(source text, idempotency_key text)
-- returns text; language sql; volatility s; parallel u; body md5 5a0931d346c6207383863fdde0673e59

-- function oncebox.sweep(at_most integer)
-- returns TABLE(action text, subject text); language plpgsql; volatility v; parallel u; body md5 2eea95f367dee1a5d278e65d9664b5ac

-- function oncebox.take_balance(channel text, every interval)
-- returns boolean; language plpgsql; volatility v; parallel u; body md5 7214a8b5924f38f9f320ac83c518c6eb

-- function oncebox.take_deliveries(channel text, at_most integer)
-- returns TABLE(notification_id bigint, message_id text, campaign_id text); language sql; volatility v; parallel u; body md5 121eb590568e8bde217a6e7662eb31e8

-- function oncebox.take_discards(channels text[], at_most integer)
-- returns TABLE(notification_id bigint, channel text, recipient text, reference text, campaign_id text); language sql; volatility v; parallel u; body md5 9c057059463643fd0f0b8dfe119fd3d2

-- function oncebox.take_lookups(channels text[], at_most integer)
-- returns TABLE(notification_id bigint, attempt integer, channel text, recipient text, reference text, campaign_id text, message_id text); language sql; volatility v; parallel u; body md5 7bc59e892d0c77b0fe472a4310cc1c53

-- function oncebox.take_slot(notification_id bigint, per_second numeric)
-- returns timestamp with time zone; language plpgsql; volatility v; parallel u; body md5 cde9b0ec2a258017eba39a7ae3496e28

-- function oncebox.take_webhook(provider text, event_id bigint, attempt integer, created text, message_id text, campaign_id text, status text)
-- returns text; language plpgsql; volatility v; parallel u; body md5 57cda73aadf3ff131aac309295812d6c

-- table oncebox.template
create table oncebox.template ();

-- column oncebox.template.body
alter table oncebox.template add column body text not null;

-- column oncebox.template.channel
alter table oncebox.template add column channel text not null;

-- column oncebox.template.created_at
alter table oncebox.template add column created_at timestamp with time zone not null default now();

-- column oncebox.template.kind
alter table oncebox.template add column kind text not null;

-- column oncebox.template.subject
alter table oncebox.template add column subject text;

-- column oncebox.template.updated_at
alter table oncebox.template add column updated_at timestamp with time zone not null default now();

-- column oncebox.template.variables
alter table oncebox.template add column variables text[] not null default '{}'::text[];

-- constraint oncebox.template.template_body_length
alter table oncebox.template add constraint template_body_length CHECK (((length(body) >= 1) AND (length(body) <=
CASE channel
    WHEN 'sms'::text THEN 1000
    ELSE 20000
END)));

-- constraint oncebox.template.template_channel_known
alter table oncebox.template add constraint template_channel_known CHECK ((channel = ANY (ARRAY['sms'::text, 'email'::text])));

-- constraint oncebox.template.template_pkey
alter table oncebox.template add constraint template_pkey PRIMARY KEY (kind, channel);

-- constraint oncebox.template.template_subject_iff_email
alter table oncebox.template add constraint template_subject_iff_email CHECK (((channel = 'email'::text) = (subject IS NOT NULL)));

-- constraint oncebox.template.template_subject_length
alter table oncebox.template add constraint template_subject_length CHECK (((length(subject) >= 1) AND (length(subject) <= 500)));

-- trigger oncebox.template.template_before_write
CREATE TRIGGER template_before_write BEFORE INSERT OR UPDATE ON oncebox.template FOR EACH ROW EXECUTE FUNCTION oncebox.template_before_write();

-- comment oncebox.template
is 'The texts. {{name}} is replaced by the lead''s name, {{other}} by the registration''s data; {{name|friend}} has a default. Edit the rows freely.'

-- comment oncebox.template.subject
is 'Of emails only.'

-- comment oncebox.template.updated_at
is 'Later than created_at once a person has edited it.'

-- comment oncebox.template.variables
is 'The variables that have no default, kept by a trigger: registration wants them.'

-- function oncebox.template_before_write()
-- returns trigger; language plpgsql; volatility v; parallel u; body md5 2363b4595e41e0dde9752a8fd60352b6

-- function oncebox.template_variables(template text)
-- returns text[]; language sql; volatility i; parallel s; body md5 24777ddd5d4ec1dad089a2a04aced3bf

-- view oncebox.templates
create view oncebox.templates as
 SELECT kind,
    channel,
    subject,
    body,
    variables,
    created_at,
    updated_at
   FROM oncebox.template t;

-- comment oncebox.templates
is 'The texts, as people wrote them. No person''s data.'

-- comment oncebox.templates.body
is '{{name}} is replaced by the lead''s name, {{other}} by the registration''s data.'

-- comment oncebox.templates.subject
is 'Of emails only.'

-- comment oncebox.templates.updated_at
is 'Later than created_at once a person has edited it.'

-- comment oncebox.templates.variables
is 'Those without a default: registration wants them.'

-- table oncebox.token
create table oncebox.token ();

-- column oncebox.token.created_at
alter table oncebox.token add column created_at timestamp with time zone not null default now();

-- column oncebox.token.created_by
alter table oncebox.token add column created_by text not null;

-- column oncebox.token.expires_at
alter table oncebox.token add column expires_at timestamp with time zone;

-- column oncebox.token.hash
alter table oncebox.token add column hash bytea not null;

-- column oncebox.token.id
alter table oncebox.token add column id uuid not null default gen_random_uuid();

-- column oncebox.token.last_used_at
alter table oncebox.token add column last_used_at timestamp with time zone;

-- column oncebox.token.name
alter table oncebox.token add column name text not null;

-- column oncebox.token.revoked_at
alter table oncebox.token add column revoked_at timestamp with time zone;

-- column oncebox.token.scopes
alter table oncebox.token add column scopes text[] not null;

-- column oncebox.token.source
alter table oncebox.token add column source text not null;

-- constraint oncebox.token.token_hash_is_sha256
alter table oncebox.token add constraint token_hash_is_sha256 CHECK ((octet_length(hash) = 32));

-- constraint oncebox.token.token_hash_once
alter table oncebox.token add constraint token_hash_once UNIQUE (hash);

-- constraint oncebox.token.token_name_is_plain
alter table oncebox.token add constraint token_name_is_plain CHECK ((name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$'::text));

-- constraint oncebox.token.token_name_once
alter table oncebox.token add constraint token_name_once UNIQUE (name);

-- constraint oncebox.token.token_pkey
alter table oncebox.token add constraint token_pkey PRIMARY KEY (id);

-- constraint oncebox.token.token_scopes_known
alter table oncebox.token add constraint token_scopes_known CHECK (((scopes <> '{}'::text[]) AND (scopes <@ ARRAY['write'::text, 'read'::text, 'operate'::text, 'admin'::text])));

-- constraint oncebox.token.token_source_length
alter table oncebox.token add constraint token_source_length CHECK (((length(source) >= 1) AND (length(source) <= 100)));

-- row level security oncebox.token
alter table oncebox.token enable row level security;

-- comment oncebox.token
is 'One row a key to the HTTP API; only its hash is kept. Made and revoked by oncebox tokens.'

-- comment oncebox.token.created_by
is 'Who made it, as they said.'

-- comment oncebox.token.expires_at
is 'Not good after; null = until it is revoked.'

-- comment oncebox.token.hash
is 'SHA-256 of the secret, which is random enough to need no salt.'

-- comment oncebox.token.last_used_at
is 'To a minute; null = never.'

-- comment oncebox.token.name
is 'Of the program or person that holds it; the audit names it.'

-- comment oncebox.token.revoked_at
is 'Not good since; null = it is good.'

-- comment oncebox.token.scopes
is 'write: register leads; read: look, masked; operate: act and reveal; admin: change texts, open channels.'

-- comment oncebox.token.source
is 'Of every lead that is registered with it: idempotency keys are unique per source, so two clients cannot meet.'

-- view oncebox.tokens
create view oncebox.tokens as
 SELECT name,
    scopes,
    source,
    created_at,
    created_by,
    expires_at,
    revoked_at,
    last_used_at,
    ((revoked_at IS NULL) AND (COALESCE(expires_at, 'infinity'::timestamp with time zone) > now())) AS is_good
   FROM oncebox.token t;

-- comment oncebox.tokens
is 'Every token that was ever made, without its hash. No person''s data.'

-- comment oncebox.tokens.created_by
is 'Who made it, as they said.'

-- comment oncebox.tokens.expires_at
is 'Not good after; null = until it is revoked.'

-- comment oncebox.tokens.is_good
is 'Neither revoked nor expired.'

-- comment oncebox.tokens.last_used_at
is 'To a minute; null = never.'

-- comment oncebox.tokens.name
is 'Of the program or person that holds it.'

-- comment oncebox.tokens.revoked_at
is 'Not good since.'

-- comment oncebox.tokens.scopes
is 'write: register leads; read: look, masked; operate: act and reveal; admin: change texts, open channels.'

-- comment oncebox.tokens.source
is 'Of every lead that is registered with it.'

-- function oncebox.trace_of(notification_id bigint)
-- returns text; language sql; volatility s; parallel u; body md5 609b718b9967684fd9cdc8666c118b56

-- view oncebox.undelivered
create view oncebox.undelivered as
 SELECT id AS notification_id,
    lead_id,
    delivery,
    delivery_at,
    delivery_detail
   FROM oncebox.notification n
  WHERE (delivery = ANY (ARRAY['UNDELIV'::text, 'REJECTD'::text, 'EXPIRED'::text, 'DELETED'::text, 'DECLINED'::text]));

-- comment oncebox.undelivered
is 'The SMS that did not reach their phone. No person''s data.'

-- comment oncebox.undelivered.delivery
is 'UNDELIV, REJECTD, EXPIRED, DELETED: the operator''s word; DECLINED: the moderator''s.'

-- comment oncebox.undelivered.delivery_at
is 'When we learnt of it.'

-- comment oncebox.undelivered.delivery_detail
is 'Of one that was declined: the moderator''s words.'

-- function oncebox.use_session(hash bytea)
-- returns bytea; language plpgsql; volatility v; parallel u; body md5 7a56bf23bed67c6a034663b964619622

-- function oncebox.use_token(hash bytea)
-- returns TABLE(name text, scopes text[], source text); language plpgsql; volatility v; parallel u; body md5 83182f9a458f553f9082ba62a5d5fe9d

-- function oncebox.wake(notification_ids bigint[], at timestamp with time zone)
-- returns void; language plpgsql; volatility v; parallel u; body md5 de4335445c6da35647f34823424fd0a8

-- table oncebox.webhook_event
create table oncebox.webhook_event ();

-- column oncebox.webhook_event.attempt
alter table oncebox.webhook_event add column attempt integer not null;

-- column oncebox.webhook_event.campaign_id
alter table oncebox.webhook_event add column campaign_id text;

-- column oncebox.webhook_event.created
alter table oncebox.webhook_event add column created text not null;

-- column oncebox.webhook_event.event_id
alter table oncebox.webhook_event add column event_id bigint not null;

-- column oncebox.webhook_event.message_id
alter table oncebox.webhook_event add column message_id text not null;

-- column oncebox.webhook_event.provider
alter table oncebox.webhook_event add column provider text not null;

-- column oncebox.webhook_event.received_at
alter table oncebox.webhook_event add column received_at timestamp with time zone not null default clock_timestamp();

-- column oncebox.webhook_event.status
alter table oncebox.webhook_event add column status text;

-- constraint oncebox.webhook_event.webhook_event_attempt_in_range
alter table oncebox.webhook_event add constraint webhook_event_attempt_in_range CHECK (((attempt >= 1) AND (attempt <= 10)));

-- constraint oncebox.webhook_event.webhook_event_id_positive
alter table oncebox.webhook_event add constraint webhook_event_id_positive CHECK ((event_id > 0));

-- constraint oncebox.webhook_event.webhook_event_pkey
alter table oncebox.webhook_event add constraint webhook_event_pkey PRIMARY KEY (provider, event_id);

-- constraint oncebox.webhook_event.webhook_event_provider_known
alter table oncebox.webhook_event add constraint webhook_event_provider_known CHECK ((provider = 'mobizon'::text));

-- constraint oncebox.webhook_event.webhook_event_texts_length
alter table oncebox.webhook_event add constraint webhook_event_texts_length CHECK (((length(created) <= 40) AND (length(message_id) <= 40) AND (length(campaign_id) <= 40) AND (length(status) <= 40)));

-- index oncebox.webhook_event_message
CREATE INDEX webhook_event_message ON oncebox.webhook_event USING btree (message_id);

-- row level security oncebox.webhook_event
alter table oncebox.webhook_event enable row level security;

-- comment oncebox.webhook_event
is 'One row a delivery webhook, for ever: the same event has no effect a second time. Without the number it was for.'

-- comment oncebox.webhook_event.attempt
is 'The provider''s count of the one that came in first.'

-- comment oncebox.webhook_event.campaign_id
is 'The provider''s own id of its campaign.'

-- comment oncebox.webhook_event.created
is 'As the provider wrote it, in a zone that is not known.'

-- comment oncebox.webhook_event.event_id
is 'The provider''s own; the same on every attempt.'

-- comment oncebox.webhook_event.message_id
is 'The provider''s own id of the message.'

-- comment oncebox.webhook_event.provider
is 'Whose event it is.'

-- comment oncebox.webhook_event.received_at
is 'When its first attempt came in.'

-- comment oncebox.webhook_event.status
is 'A hint and no more: no signature covers it, and no state is taken from it.'

-- comment oncebox.webhook_event_message
is 'Whether a webhook came before its message was known (settle).'

-- table oncebox.worker
create table oncebox.worker ();

-- column oncebox.worker.gone_at
alter table oncebox.worker add column gone_at timestamp with time zone;

-- column oncebox.worker.id
alter table oncebox.worker add column id uuid not null;

-- column oncebox.worker.job_workers
alter table oncebox.worker add column job_workers text[] not null default '{}'::text[];

-- column oncebox.worker.lock_key
alter table oncebox.worker add column lock_key bigint;

-- column oncebox.worker.pid
alter table oncebox.worker add column pid integer not null;

-- column oncebox.worker.started_at
alter table oncebox.worker add column started_at timestamp with time zone not null default now();

-- column oncebox.worker.stopped_at
alter table oncebox.worker add column stopped_at timestamp with time zone;

-- column oncebox.worker.version
alter table oncebox.worker add column version text not null;

-- constraint oncebox.worker.worker_pkey
alter table oncebox.worker add constraint worker_pkey PRIMARY KEY (id);

-- comment oncebox.worker
is 'One row a start of a worker process; claims name it.'

-- comment oncebox.worker.gone_at
is 'When another worker found the lock free.'

-- comment oncebox.worker.job_workers
is 'graphile-worker''s names for it, so that the jobs it took can be freed.'

-- comment oncebox.worker.lock_key
is 'Held by the worker''s own connection as long as it lives; free = a hint that it is dead.'

-- comment oncebox.worker.pid
is 'Of the process, on its own machine.'

-- comment oncebox.worker.stopped_at
is 'When it signed off.'

-- view oncebox.workers
create view oncebox.workers as
 SELECT id,
    pid,
    version,
    started_at,
    stopped_at,
    gone_at,
    ((stopped_at IS NULL) AND (gone_at IS NULL) AND (lock_key = ANY (ARRAY( SELECT oncebox.locks_of_workers() AS locks_of_workers)))) AS is_present,
    COALESCE(claims, (0)::bigint) AS claims,
    oldest_lease_until
   FROM (oncebox.worker w
     LEFT JOIN ( SELECT worker_id,
            count(*) AS claims,
            min(lease_until) AS oldest_lease_until
           FROM oncebox.notification n
          WHERE (state = 'claimed'::text)
          GROUP BY worker_id) h ON ((worker_id = id)));

-- comment oncebox.workers
is 'Every start of a worker: when, which version, whether its lock is held now, and how much it holds. No person''s data.'

-- comment oncebox.workers.claims
is 'Notifications that it holds now; see oncebox.claims.'

-- comment oncebox.workers.gone_at
is 'When another worker found its lock free: it died, or lost its connection and goes on under a new name.'

-- comment oncebox.workers.is_present
is 'Its lock is held now: it is alive.'

-- comment oncebox.workers.oldest_lease_until
is 'The first of its leases to run out; in the past = it hangs, and sweep takes over.'

-- comment oncebox.workers.pid
is 'Of the process, on its own machine.'

-- comment oncebox.workers.stopped_at
is 'When it signed off; null = it did not, or not yet.'

-- table public.landing_leads
create table public.landing_leads ();

-- column public.landing_leads.created_at
alter table public.landing_leads add column created_at timestamp with time zone not null default now();

-- column public.landing_leads.email
alter table public.landing_leads add column email text;

-- column public.landing_leads.email_sent
alter table public.landing_leads add column email_sent boolean not null default false;

-- column public.landing_leads.email_sent_at
alter table public.landing_leads add column email_sent_at timestamp with time zone;

-- column public.landing_leads.id
alter table public.landing_leads add column id uuid not null default gen_random_uuid();

-- column public.landing_leads.name
alter table public.landing_leads add column name text;

-- column public.landing_leads.phone
alter table public.landing_leads add column phone text;

-- column public.landing_leads.sms_sent
alter table public.landing_leads add column sms_sent boolean not null default false;

-- column public.landing_leads.sms_sent_at
alter table public.landing_leads add column sms_sent_at timestamp with time zone;

-- constraint public.landing_leads.landing_leads_pkey
alter table public.landing_leads add constraint landing_leads_pkey PRIMARY KEY (id);

-- comment public.landing_leads.email_sent
is 'The claim: true = an email was sent, or may have been. Set by one atomic update; false again only when it is proven that nothing was sent.'

-- comment public.landing_leads.email_sent_at
is 'When the mail server accepted the email.'

-- comment public.landing_leads.sms_sent
is 'The claim: true = an SMS was sent, or may have been. Set by one atomic update; false again only when it is proven that nothing was sent.'

-- comment public.landing_leads.sms_sent_at
is 'When the provider accepted the SMS.'
