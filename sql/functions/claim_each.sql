-- oncebox.claim_each(notification_ids, worker_id, tokens, ..) -> a row each: the attempt to make, or why there is none
--
-- Takes the sole right to make the next attempt at each of these notifications, in one transaction.
-- oncebox.claim is the same for one of them.
--
-- Moves    pending -> claimed, sets the lead's flag in the same transaction, opens the attempt.
--          pending -> cancelled when the flag was set by someone else (already_sent) or the time
--          is past expires_at (expired).
-- Returns  verdict claimed: the attempt and all that a channel needs; body null = there is no text.
--          verdict already_sent, expired: it was cancelled just now.
--          verdict paused: its channel is; it will be woken when that is over.
--          verdict throttled: the channel's rate is used up; it will be woken when it is not.
--          verdict held: this database is another one, or an older one, than it was.
--          verdict busy: somebody holds its row, or its lead's. Ask claim, which waits for them.
--          no row: nothing to do. Claimed by another, not due yet, or final. Two wake-ups racing
--          for one notification is normal, so this is an answer and not an error.
-- Repeats  the same call with the same tokens answers the same claims again, so a worker whose
--          connection broke around the commit may simply ask again.
-- Fence    the returned attempt number. settle refuses any other, so a worker that outlived its
--          lease cannot overwrite a later result.
-- Locks    the notification rows, then their lead rows, until commit; skips those that somebody
--          holds, so that one of them keeps no other waiting. Commit before calling a provider.
--          Before them, once after time travel, what notice_epoch holds.
--
-- send_timeout: the send is over after that. per_seconds: of each channel, the sends that may start,
-- by all workers together; null = as many as come. two_steps: whether the channel commits a draft
-- before the one call that cannot be taken back. Until it has, the attempt provably sent nothing,
-- and sweep may hand the row on.
create or replace function oncebox.claim_each(
  notification_ids bigint[],
  worker_id        uuid,
  tokens           uuid[],
  lease            interval,
  send_timeout     interval,
  per_seconds      numeric[],
  two_steps        boolean[]
) returns table (
  notification_id bigint,
  verdict         text,
  attempt         integer,
  lead_id         uuid,
  channel         text,
  recipient       text,
  subject         text,
  body            text,
  reference       text,
  campaign_id     text,
  message_id      text,
  failures        integer,
  pauses          integer,
  due_at          timestamptz
)
language plpgsql
-- Planned once a connection, and this table is empty one minute and full the next. So that no plan
-- made for the one reads all of the other, rows are found by their key in a subquery of their own
-- (offset 0), and updated by their place: locked, they keep it.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
set enable_memoize = off
as $$
#variable_conflict use_column
declare
  v_now     timestamptz;
  v_ready   bigint[];
  v_claimed bigint[];
  v_busy    bigint[];
  v_row     record;
  v_wake_at timestamptz;
begin
  -- First of all: it locks much when it finds that the database is another one.
  perform oncebox.notice_epoch();
  -- A claim that a crash of the server could take back would be none.
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  v_now := clock_timestamp();

  with locked as materialized (
    select n.id, n.lead_id, n.state, n.claim_token, n.due_at
      from oncebox.notification as n
     where n.id = any (notification_ids)
       -- What is over is left alone: nobody has to wait for a look at it.
       and n.state in ('pending', 'claimed')
       for update skip locked
  ), lead as materialized (
    select l.id
      from public.landing_leads as l
     where l.id = any (array(select k.lead_id from locked as k where k.state = 'pending' and k.due_at <= v_now))
       for no key update skip locked
  ), found as (
    select a.id,
           case
             when k.id is null then
               case when seen.state in ('pending', 'claimed') then 'busy' end
             when k.state = 'claimed' and k.claim_token = a.token then 'claimed'
             when k.state = 'pending' and k.due_at <= v_now then
               case when l.id is null then 'busy' else 'ready' end
           end as verdict
      from unnest(notification_ids, tokens) as a (id, token)
      left join locked as k on k.id = a.id
      left join lateral (
        select n.state from oncebox.notification as n where n.id = a.id offset 0) as seen on k.id is null
      left join lead as l on l.id = k.lead_id
  )
  select coalesce(array_agg(f.id) filter (where f.verdict = 'ready'), '{}'),
         coalesce(array_agg(f.id) filter (where f.verdict = 'claimed'), '{}'),
         coalesce(array_agg(f.id) filter (where f.verdict = 'busy'), '{}')
    into v_ready, v_claimed, v_busy
    from found as f;

  -- When all is well there is none of these.
  for v_row in
    select n.id, n.lead_id, n.channel, n.is_held, n.expires_at <= v_now as is_expired, c.paused_until, a.per_second
      from unnest(notification_ids, per_seconds) as a (id, per_second)
      join oncebox.notification as n
        on n.id = a.id
      join oncebox.channel as c
        on c.channel = n.channel
     where n.id = any (v_ready)
       and (n.is_held or n.expires_at <= v_now or c.paused_until is not null or a.per_second is not null)
     order by n.due_at, n.id
  loop
    if v_row.is_held then
      verdict := 'held';
    elsif v_row.is_expired then
      verdict := 'expired';
      perform oncebox.finish(v_row.id, 'cancelled', 'expired');
    elsif not oncebox.channel_is_open(v_row.channel) then
      verdict := 'paused';
      -- Spread over ten seconds, so that a long queue does not come back as one.
      perform oncebox.wake(array[v_row.id], c.paused_until + random() * interval '10 seconds')
         from oncebox.channel as c
        where c.channel = v_row.channel;
    elsif v_row.per_second is not null then
      v_wake_at := oncebox.take_slot(v_row.id, v_row.per_second);
      continue when v_wake_at is null;
      verdict := 'throttled';
      perform oncebox.wake(array[v_row.id], v_wake_at);
    else
      continue;
    end if;
    v_ready := array_remove(v_ready, v_row.id);
    notification_id := v_row.id;
    lead_id := v_row.lead_id;
    channel := v_row.channel;
    return next;
  end loop;

  with ready as materialized (
    -- One a lead and channel: of two kinds the second finds the flag set.
    select distinct on (n.lead_id, n.channel)
           n.id, n.ctid as place, it.token, it.two_step, n.lead_id, l.ctid as lead_place, n.channel, text.subject, text.body,
           -- One that no longer fits, because its template grew, is none: cut off, it might lose its link.
           coalesce(length(text.subject) > 500 or length(text.body) > case n.channel when 'sms' then 1000 else 20000 end, false) as is_too_long
      from unnest(notification_ids, tokens, two_steps) as it (id, token, two_step)
     cross join lateral (
       select n.ctid, n.* from oncebox.notification as n where n.id = it.id offset 0) as n
     cross join lateral (
       select l.ctid, l.name, l.sms_sent, l.email_sent from public.landing_leads as l where l.id = n.lead_id offset 0) as l
      left join lateral (
       select r.data from oncebox.registration as r where r.lead_id = n.lead_id offset 0) as r on true
      left join oncebox.template as t
        on t.kind = n.kind
       and t.channel = n.channel
     cross join lateral (
       select case
                when n.body is null or n.channel = 'email' and n.subject is null then
                  coalesce(r.data, '{}') || jsonb_build_object('name', oncebox.display_name(l.name))
              end as variables
       offset 0) as v
     -- Null when there is no template and the row brings no text: the attempt will say so.
     cross join lateral (
       select nullif(coalesce(n.subject, oncebox.render(t.subject, v.variables)), '') as subject,
              nullif(coalesce(n.body, oncebox.render(t.body, v.variables)), '') as body
       offset 0) as text
     where it.id = any (v_ready)
       and case n.channel when 'sms' then l.sms_sent else l.email_sent end is not true
     order by n.lead_id, n.channel, n.id
  ), flagged as (
    -- The claim itself: who sets the flag first, this program or an old backend, has the right to
    -- send. "is not true" and not "= false": an adopted table may hold nulls.
    update public.landing_leads as l
       set sms_sent   = case when w.sms then true else l.sms_sent end,
           email_sent = case when w.email then true else l.email_sent end
      from (select r.lead_place, bool_or(r.channel = 'sms') as sms, bool_or(r.channel = 'email') as email
              from ready as r
             group by r.lead_place) as w
     where l.ctid = w.lead_place
       and not (w.sms and l.sms_sent is true)
       and not (w.email and l.email_sent is true)
    returning l.id
  ), claimed as (
    update oncebox.notification as n
       set state        = 'claimed',
           state_reason = null,
           attempt      = n.attempt + 1,
           worker_id    = claim_each.worker_id,
           claim_token  = r.token,
           lease_until  = clock_timestamp() + lease,
           slot_at      = null,
           subject      = case when not r.is_too_long then r.subject end,
           body         = case when not r.is_too_long then r.body end,
           segments     = case n.channel when 'sms' then oncebox.sms_segments(r.body) end
      from ready as r
     where n.ctid = r.place
       -- "is true" keeps it a look into a hash: as a join it may be planned as a loop over all of them for each.
       and (r.lead_id in (select f.id from flagged as f)) is true
    returning n.id, n.attempt, n.worker_id, n.campaign_id, r.two_step
  ), opened as (
    insert into oncebox.attempt (notification_id, attempt, worker_id, deadline_at, sending_at)
    select c.id, c.attempt, c.worker_id, clock_timestamp() + send_timeout,
           -- A draft that an earlier attempt committed may have gone out, and this one begins by asking.
           case when not c.two_step or c.campaign_id is not null then clock_timestamp() end
      from claimed as c
  )
  select v_claimed || coalesce(array_agg(c.id), '{}')
    into v_claimed
    from claimed as c;

  return query
  select n.id, 'claimed', n.attempt, n.lead_id, n.channel, n.recipient, n.subject, n.body,
         oncebox.reference(n.id), n.campaign_id, n.message_id, n.failures, c.pauses, n.due_at
    from unnest(v_claimed) as it (id)
   cross join lateral (
     select n.* from oncebox.notification as n where n.id = it.id offset 0) as n
    join oncebox.channel as c
      on c.channel = n.channel
   order by n.due_at, n.id;

  for v_row in
    select n.id, n.lead_id, n.channel
      from oncebox.notification as n
     where n.id = any (v_ready)
       and n.id <> all (v_claimed)
  loop
    verdict := 'already_sent';
    perform oncebox.finish(v_row.id, 'cancelled', 'already_sent');
    notification_id := v_row.id;
    lead_id := v_row.lead_id;
    channel := v_row.channel;
    return next;
  end loop;

  lead_id := null;
  channel := null;
  verdict := 'busy';
  foreach notification_id in array v_busy loop
    return next;
  end loop;
end
$$;
