-- oncebox.register_each(leads) -> one row a record: its lead, or the problem it was refused for
--
-- What register_lead and register_leads share; they say what a refusal does.
--
-- Writes   for each good record the lead, its registration and one notification for each of phone
--          and email; the notifications' jobs follow by trigger. All in the caller's transaction.
--          Where the transaction has the setting oncebox.traceparent (set local), the registration keeps it.
-- Locks    waits for another transaction that registers the same key just now. Keys are taken in
--          order, so that two calls cannot wait for each other.
create or replace function oncebox.register_each(leads jsonb)
returns table (
  record  integer,
  lead_id uuid,
  created boolean,
  problem jsonb
)
language plpgsql
-- Planned once a connection and not at every call, which takes longer than the call; and by the
-- indexes, whatever the tables' statistics were at that moment: a new database has none.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_records integer[];
  v_leads   uuid[];
  -- Hardly ever anybody was: then nobody's key is looked for in another form.
  v_erased  boolean := exists (select from oncebox.registration as e where e.erased_at is not null);
begin
  with good as materialized (
    select c.*,
           gen_random_uuid() as lead_id,
           case when v_erased then oncebox.standing_key(c.source, c.idempotency_key) else c.idempotency_key end as standing_key
      -- "offset 0", so that each is judged once, and not again for its answer.
      from (select * from oncebox.check_leads(leads) offset 0) as c
     where c.problem is null
  ), registered as (
    insert into oncebox.registration as r (lead_id, source, idempotency_key, kind, data, fingerprint, traceparent)
    select g.lead_id, g.source, g.standing_key, g.kind, g.data, g.fingerprint,
           -- What is no trace context is none: it must not cost anybody their registration.
           substring(current_setting('oncebox.traceparent', true) from '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
      from good as g
     order by g.source, g.standing_key, g.record
    on conflict on constraint registration_key_once_per_source do nothing
    returning r.lead_id
  ), created as (
    -- "is true" keeps it a look into a hash of what was registered: as a join it may be planned as a loop
    -- over all of it for each record, since nothing tells the planner how many there are.
    select g.*
      from good as g
     where (g.lead_id in (select r.lead_id from registered as r)) is true
  ), lead as (
    -- All of our columns: an adopted table may have defaults of its own, or none.
    insert into public.landing_leads (id, name, phone, email, sms_sent, sms_sent_at, email_sent, email_sent_at, created_at)
    select c.lead_id, c.name, c.phone, c.email, false, null, false, null, now()
      from created as c
  ), message as (
    insert into oncebox.notification (lead_id, channel, kind, recipient, subject, body, due_at, expires_at)
    select c.lead_id, m.channel, c.kind, m.recipient, m.subject, m.body, c.due_at, c.expires_at
      from created as c
     cross join lateral (values
       ('sms',   c.phone, null,            c.sms_text),
       ('email', c.email, c.email_subject, c.email_text)) as m (channel, recipient, subject, body)
     where m.recipient is not null
     order by c.record
  )
  select array_agg(c.record), array_agg(c.lead_id)
    into v_records, v_leads
    from created as c;

  -- A key whose person was erased while we waited was free by then, and is the erased one's all the same.
  if exists (select from oncebox.registration as e where e.erased_at is not null)
     and exists (
       select
         from oncebox.registration as r
        where r.lead_id = any (v_leads)
          and oncebox.standing_key(r.source, r.idempotency_key) <> r.idempotency_key)
  then
    raise exception using
      errcode = 'serialization_failure',
      message = 'the person of a registration with this key was erased at the same moment',
      hint    = 'Register again: the first lead is found then. Nothing was registered.';
  end if;

  if cardinality(v_records) = jsonb_array_length(leads) then
    return query
    select c.record, c.lead_id, true, null::jsonb
      from unnest(v_records, v_leads) as c (record, lead_id)
     order by c.record;
    return;
  end if;

  -- The others were refused, or their key was there: committed before, by a transaction that we just
  -- waited for, or by an earlier record of this call. A statement of its own sees all three.
  return query
  with answered as materialized (
    select c.record,
           n.lead_id as new_lead_id,
           first.lead_id as first_lead_id,
           case
             when c.problem is not null then c.problem
             -- Of an erased one nobody knows any more what it said.
             when first.erased_at is null and first.fingerprint <> c.fingerprint then
               oncebox.lead_problem('idempotency_key',
                 -- A key is often a number or an address: enough of it to find it, and no more.
                 format('idempotency_key "%s•••" (%s characters) of source %s belongs to a registration with other content',
                        left(c.idempotency_key, least(4, length(c.idempotency_key) / 2)), length(c.idempotency_key), to_json(c.source)),
                 'Send the same content again, or use a new key for a new registration. The first registration stands.',
                 'OB002')
           end as problem
      from oncebox.check_leads(leads) as c
      left join unnest(v_records, v_leads) as n (record, lead_id)
        on n.record = c.record
      left join oncebox.registration as first
        on n.record is null
       and first.source = c.source
       and first.idempotency_key = oncebox.standing_key(c.source, c.idempotency_key)
  ), counted as (
    -- Who holds the row counts it just now: nobody waits for a count.
    update oncebox.registration as r
       set repeats = r.repeats + 1
      from (select f.lead_id
              from oncebox.registration as f
             where f.lead_id in (select a.first_lead_id from answered as a where a.problem is null)
               for update skip locked) as repeated
     where r.lead_id = repeated.lead_id
  )
  select a.record,
         case when a.problem is null then coalesce(a.new_lead_id, a.first_lead_id) end,
         case when a.problem is null then a.new_lead_id is not null end,
         a.problem
    from answered as a
   order by a.record;
end
$$;
