-- oncebox.settle(..) -> moved?, and where the row is now
--
-- Records what one attempt told us, and moves the notification if it still may.
--
-- Moves    claimed -> sent | failed | unknown
--          claimed -> pending             after retry_in, with its wake-up in this transaction
--          unknown -> sent | failed       a late answer; the attempt is still the last one
--          pending -> sent                the same, when sweep or reconcile had let go of the row
--                                         because the draft was not sent off yet, and its worker lived
-- Returns  moved = false when the attempt no longer owns the row. It is not raised: an exception
--          would roll back the attempt row too, and "the provider took it" is the one fact that
--          must not be lost just then.
-- Repeats  the same call a second time changes nothing and answers as the first did, so a worker
--          whose connection broke around the commit may simply ask again.
-- Flags    sms_sent / email_sent go back to false where nothing was sent (rejected, not_sent);
--          the _sent_at is set where the provider accepted.
-- Follows  an SMS that became sent: see first_delivery_look.
-- Channel  pause_for pauses it, for all, pauses being how many in a row claim had told of; an answer
--          without one opens it again.
-- Locks    the notification row, then the lead row, then the attempt, until commit.
create or replace function oncebox.settle(
  notification_id bigint,
  attempt         integer,
  outcome         text,
  state           text,
  code            text     default null,
  detail          text     default null,
  provider_ref    text     default null,
  campaign_id     text     default null,
  delivery        text     default null,
  retry_in        interval default null,
  counts          boolean  default true,
  pause_for       interval default null,
  pauses          integer  default 0
) returns table (
  moved     boolean,
  now_state text
)
language plpgsql
as $$
#variable_conflict use_column
declare
  v_row     oncebox.notification;
  v_outcome text := settle.outcome;
  v_learned boolean;
  v_unkept  boolean;
begin
  select n.*
    into v_row
    from oncebox.notification as n
   where n.id = settle.notification_id
     for update;
  if not found then
    raise exception using
      errcode = 'OB005',
      message = format('there is no notification %s', settle.notification_id),
      hint    = 'Look it up with oncebox notifications list.';
  end if;

  -- Two accepted attempts are two messages to one person. The index allows only one of them to say
  -- so; the other keeps its evidence under a code of its own rather than losing it to an exception.
  if v_outcome = 'accepted' and exists (
       select
         from oncebox.attempt as a
        where a.notification_id = settle.notification_id
          and a.attempt <> settle.attempt
          and a.outcome = 'accepted')
  then
    v_outcome := 'unknown';
    code := 'accepted_twice';
  end if;

  update oncebox.attempt as a
     set outcome      = v_outcome,
         ended_at     = clock_timestamp(),
         code         = settle.code,
         -- Of one whose person was erased meanwhile only what names nobody is kept.
         detail       = case when v_row.erased_at is null then left(settle.detail, 2000) end,
         provider_ref = settle.provider_ref
   where a.notification_id = settle.notification_id
     and a.attempt = settle.attempt
     -- What is known is not overwritten: only an open attempt, or one whose holder had gone silent, learns.
     and (a.outcome is null or a.outcome in ('swept', 'unknown'))
  returning a.sending_at is null
       into v_unkept;

  v_learned := found;

  if v_row.attempt <> settle.attempt
     or not ((v_row.state = 'claimed' and settle.state in ('sent', 'failed', 'unknown', 'pending'))
             or (v_row.state = 'unknown' and settle.state in ('sent', 'failed'))
             or (v_row.state = 'pending' and settle.state = 'sent' and v_learned))
  then
    -- Too late to move the row, but not too late to keep anyone from sending again: the flag
    -- makes the next claim find already_sent.
    if settle.outcome = 'accepted' and v_row.state <> 'sent' then
      perform oncebox.put_flag(v_row.lead_id, v_row.channel, true, clock_timestamp());
    end if;
    moved := v_row.attempt = settle.attempt and v_row.state = settle.state;
    now_state := v_row.state;
    return next;
    return;
  end if;

  update oncebox.notification as n
     set state        = settle.state,
         state_reason = case when settle.state <> 'sent' then settle.code end,
         failures     = n.failures + (settle.outcome <> 'accepted' and counts)::integer,
         lease_until  = null,
         is_held      = false,
         slot_at      = null,
         deaths       = 0,
         look_up_at   = case settle.state when 'unknown' then clock_timestamp() end,
         due_at       = case settle.state when 'pending' then clock_timestamp() + retry_in else n.due_at end,
         provider_ref = coalesce(settle.provider_ref, n.provider_ref),
         campaign_id  = case when n.message_id is null and settle.campaign_id is not null and settle.provider_ref is not null
                             then settle.campaign_id else n.campaign_id end,
         message_id   = case when n.message_id is null and settle.campaign_id is not null and settle.provider_ref is not null
                             then settle.provider_ref else n.message_id end,
         delivery     = coalesce(settle.delivery, n.delivery),
         delivery_at  = case when settle.delivery is not null then clock_timestamp() else n.delivery_at end,
         delivery_look_at = case settle.state when 'sent' then
                              oncebox.first_delivery_look(n.channel, coalesce(n.message_id, settle.provider_ref, n.provider_ref)) end,
         -- It ended before it kept a draft, and may have made one.
         discard_at   = case when v_unkept and n.campaign_id is null
                             then clock_timestamp() + interval '1 minute' else n.discard_at end,
         settled_at   = case when settle.state in ('sent', 'failed') then clock_timestamp() end
   where n.id = v_row.id;

  if settle.state = 'sent' then
    perform oncebox.put_flag(v_row.lead_id, v_row.channel, true, clock_timestamp());
  elsif settle.state in ('failed', 'pending') then
    perform oncebox.put_flag(v_row.lead_id, v_row.channel, false, null);
  end if;
  if settle.state = 'pending' then
    perform oncebox.wake(array[v_row.id]);
  end if;
  if pause_for is not null then
    perform oncebox.pause_channel(v_row.channel, pause_for, settle.code, pauses);
  elsif settle.outcome <> 'unknown' then
    perform oncebox.open_channel(v_row.channel);
  end if;

  moved := true;
  now_state := settle.state;
  return next;
end
$$;
