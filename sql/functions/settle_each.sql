-- oncebox.settle_each(told) -> a row each: moved?, and where the row is now
--
-- Records what attempts told us, in one transaction, and moves each notification if it still may.
-- told is an array of objects with the names of settle's arguments, one a notification; oncebox.settle
-- is the same for one of them.
--
-- Moves    claimed -> sent | failed | unknown
--          claimed -> pending             after retry_in, with its wake-up in this transaction
--          unknown -> sent | failed       a late answer; the attempt is still the last one
--          pending -> sent                the same, when sweep or reconcile had let go of the row
--                                         because the draft was not sent off yet, and its worker lived
-- Returns  moved = false when the attempt no longer owns the row. It is not raised: an exception
--          would roll back the attempt row too, and "the provider took it" is the one fact that
--          must not be lost just then.
--          no row: somebody holds its row, or its lead's. Ask settle, which waits for them.
-- Repeats  the same call a second time changes nothing and answers as the first did, so a worker
--          whose connection broke around the commit may simply ask again.
-- Flags    sms_sent / email_sent go back to false where nothing was sent (rejected, not_sent);
--          the _sent_at is set where the provider accepted.
-- Follows  an SMS that became sent: see first_delivery_look.
-- Channel  pause_for pauses it, for all, pauses being how many in a row claim had told of; an answer
--          without one opens it again.
-- Locks    the notification rows, then their lead rows, then the attempts, until commit; skips those
--          that somebody holds, so that one of them keeps no other waiting.
create or replace function oncebox.settle_each(told jsonb)
returns table (
  notification_id bigint,
  moved           boolean,
  now_state       text
)
language plpgsql
-- See claim_each.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
set enable_memoize = off
as $$
#variable_conflict use_column
declare
  v_ids       bigint[];
  v_now       timestamptz;
  v_may_move  boolean;
  v_outcome   text;
  v_channel   text;
  v_code      text;
  v_pause_for interval;
  v_pauses    integer;
  v_pending   bigint[] := '{}';
  v_paused    text[] := '{}';
  v_well      text[] := '{}';
begin
  v_ids := array(select (t.it ->> 'notification_id')::bigint from jsonb_array_elements(told) as t (it));
  with locked as materialized (
    select n.id, n.lead_id
      from oncebox.notification as n
     where n.id = any (v_ids)
       for update skip locked
  ), lead as materialized (
    select l.id
      from public.landing_leads as l
     where l.id = any (array(select k.lead_id from locked as k))
       for no key update skip locked
  )
  select array_agg(k.id)
    into v_ids
    from locked as k
    join lead as l on l.id = k.lead_id;
  v_now := clock_timestamp();

  for notification_id, moved, now_state, v_may_move, v_outcome, v_channel, v_code, v_pause_for, v_pauses in
  with known as materialized (
    select t.notification_id, t.attempt, t.outcome, t.state, t.provider_ref, t.campaign_id, t.delivery,
           t.retry_in, t.counts, t.pause_for, t.pauses,
           n.ctid as place, n.lead_id, n.channel, n.state as was, n.attempt as last_attempt,
           -- Two accepted attempts are two messages to one person. The index allows only one of them to say
           -- so; the other keeps its evidence under a code of its own rather than losing it to an exception.
           case when twice.is_so then 'unknown' else t.outcome end as kept_outcome,
           case when twice.is_so then 'accepted_twice' else t.code end as code,
           -- Of one whose person was erased meanwhile only what names nobody is kept.
           case when n.erased_at is null then left(t.detail, 2000) end as detail
      from jsonb_to_recordset(told) as t (
             notification_id bigint, attempt integer, outcome text, state text, code text, detail text,
             provider_ref text, campaign_id text, delivery text, retry_in interval, counts boolean,
             pause_for interval, pauses integer)
     cross join lateral (
       select n.ctid, n.* from oncebox.notification as n where n.id = t.notification_id offset 0) as n
     cross join lateral (
       select t.outcome = 'accepted' and exists (
         select
           from oncebox.attempt as a
          where a.notification_id = t.notification_id
            and a.attempt <> t.attempt
            and a.outcome = 'accepted') as is_so
     ) as twice
     where t.notification_id = any (v_ids)
  ), learned as (
    update oncebox.attempt as a
       set outcome      = k.kept_outcome,
           ended_at     = v_now,
           code         = k.code,
           detail       = k.detail,
           provider_ref = k.provider_ref
      from known as k
     cross join lateral (
       select o.ctid
         from oncebox.attempt as o
        where o.notification_id = k.notification_id
          and o.attempt = k.attempt
       offset 0) as own
     where a.ctid = own.ctid
       -- What is known is not overwritten: only an open attempt, or one whose holder had gone silent, learns.
       and (a.outcome is null or a.outcome in ('swept', 'unknown'))
    returning a.notification_id, a.sending_at is null as is_unkept
  ), judged as materialized (
    select k.*, l.is_unkept,
           k.last_attempt = k.attempt
           and ((k.was = 'claimed' and k.state in ('sent', 'failed', 'unknown', 'pending'))
                or (k.was = 'unknown' and k.state in ('sent', 'failed'))
                or (k.was = 'pending' and k.state = 'sent' and l.notification_id is not null)) as may_move
      from known as k
      left join learned as l
        on l.notification_id = k.notification_id
  ), moved as (
    update oncebox.notification as n
       set state        = j.state,
           state_reason = case when j.state <> 'sent' then j.code end,
           failures     = n.failures + (j.outcome <> 'accepted' and j.counts)::integer,
           lease_until  = null,
           is_held      = false,
           slot_at      = null,
           deaths       = 0,
           look_up_at   = case j.state when 'unknown' then v_now end,
           due_at       = case j.state when 'pending' then v_now + j.retry_in else n.due_at end,
           provider_ref = coalesce(j.provider_ref, n.provider_ref),
           campaign_id  = case when n.message_id is null and j.campaign_id is not null and j.provider_ref is not null
                               then j.campaign_id else n.campaign_id end,
           message_id   = case when n.message_id is null and j.campaign_id is not null and j.provider_ref is not null
                               then j.provider_ref else n.message_id end,
           delivery     = coalesce(j.delivery, n.delivery),
           delivery_at  = case when j.delivery is not null then v_now else n.delivery_at end,
           delivery_look_at = case j.state when 'sent' then
                                oncebox.first_delivery_look(n.channel, coalesce(n.message_id, j.provider_ref, n.provider_ref)) end,
           -- It ended before it kept a draft, and may have made one.
           discard_at   = case when j.is_unkept and n.campaign_id is null
                               then v_now + interval '1 minute' else n.discard_at end,
           settled_at   = case when j.state in ('sent', 'failed') then v_now end
      from judged as j
     where n.ctid = j.place
       and j.may_move
  ), flagged as (
    update public.landing_leads as l
       set sms_sent      = coalesce(f.sms, l.sms_sent),
           sms_sent_at   = case when f.sms is null then l.sms_sent_at when f.sms then v_now end,
           email_sent    = coalesce(f.email, l.email_sent),
           email_sent_at = case when f.email is null then l.email_sent_at when f.email then v_now end
      from (select j.lead_id,
                   bool_or(j.flag) filter (where j.channel = 'sms') as sms,
                   bool_or(j.flag) filter (where j.channel = 'email') as email
              from (select judged.*,
                           case
                             when may_move then
                               case when state = 'sent' then true when state in ('failed', 'pending') then false end
                             -- Too late to move the row, but not too late to keep anyone from sending again: the flag
                             -- makes the next claim find already_sent.
                             when outcome = 'accepted' and was <> 'sent' then true
                           end as flag
                      from judged) as j
             where j.flag is not null
             group by j.lead_id) as f
     cross join lateral (
       select o.ctid from public.landing_leads as o where o.id = f.lead_id offset 0) as own
     where l.ctid = own.ctid
  )
  select j.notification_id,
         j.may_move or j.last_attempt = j.attempt and j.was = j.state,
         case when j.may_move then j.state else j.was end,
         j.may_move, j.outcome, j.channel, j.code, j.pause_for, j.pauses
    from judged as j
  loop
    return next;
    continue when not v_may_move;
    if now_state = 'pending' then
      v_pending := v_pending || notification_id;
    end if;
    if v_pause_for is not null then
      perform oncebox.pause_channel(v_channel, v_pause_for, v_code, v_pauses);
      v_paused := v_paused || v_channel;
    elsif v_outcome <> 'unknown' then
      v_well := v_well || v_channel;
    end if;
  end loop;
  perform oncebox.wake(v_pending);
  perform oncebox.open_channel(w.channel)
     from (select distinct channel from unnest(v_well) as u (channel)) as w
    where w.channel <> all (v_paused);
end
$$;
