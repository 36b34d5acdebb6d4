-- oncebox.claim(notification_id, worker_id, token, ..) -> the attempt to make, or why there is none
--
-- Takes the sole right to make the next attempt at one notification.
--
-- Moves    pending -> claimed, sets the lead's flag in the same transaction, opens the attempt.
--          pending -> cancelled when the flag was set by someone else (already_sent) or the time
--          is past expires_at (expired).
-- Returns  verdict claimed: the attempt and all that a channel needs; body null = there is no text.
--          verdict already_sent, expired: it was cancelled just now.
--          verdict paused: its channel is; it will be woken when that is over.
--          verdict throttled: the channel's rate is used up; it will be woken when it is not.
--          verdict held: this database is another one, or an older one, than it was.
--          no row: nothing to do. Claimed by another, not due yet, or final. Two wake-ups racing
--          for one notification is normal, so this is an answer and not an error.
-- Repeats  the same call with the same token answers the same claim again: a worker whose
--          connection broke around the commit asks, and waits for the row if that commit is still
--          under way.
-- Fence    the returned attempt number. settle refuses any other, so a worker that outlived its
--          lease cannot overwrite a later result.
-- Locks    the notification row, then the lead row, until commit. Commit before calling a provider.
--          Before them, once after time travel, what notice_epoch holds.
--
-- send_timeout: the send is over after that. per_second: sends that may start, by all workers
-- together; null = as many as come. two_step: the channel commits a draft before the one call that cannot be taken back. Until it
-- has, this attempt provably sent nothing, and sweep may hand the row on.
create or replace function oncebox.claim(
  notification_id bigint,
  worker_id       uuid,
  token           uuid,
  lease           interval,
  send_timeout    interval,
  per_second      numeric,
  two_step        boolean
) returns table (
  verdict     text,
  attempt     integer,
  lead_id     uuid,
  channel     text,
  recipient   text,
  subject     text,
  body        text,
  reference   text,
  campaign_id text,
  message_id  text,
  failures    integer,
  pauses      integer,
  due_at      timestamptz
)
language plpgsql
as $$
#variable_conflict use_column
declare
  v_row     oncebox.notification;
  v_wake_at timestamptz;
begin
  -- First of all: it locks much when it finds that the database is another one.
  perform oncebox.notice_epoch();
  -- A claim that a crash of the server could take back would be none.
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;

  -- No SKIP LOCKED: the caller wants this row, not just any row. A second caller waits for the
  -- first to commit, looks at the state again, and gets none.
  select n.*
    into v_row
    from oncebox.notification as n
   where n.id = claim.notification_id
     and ((n.state = 'pending' and n.due_at <= clock_timestamp())
          or (n.state = 'claimed' and n.claim_token = claim.token))
     for update;
  if not found then
    return;
  end if;
  if v_row.state = 'claimed' then
    return query
    select * from oncebox.claimed(v_row.id);
    return;
  end if;

  channel := v_row.channel;
  lead_id := v_row.lead_id;

  if v_row.is_held then
    verdict := 'held';
    return next;
    return;
  end if;

  if v_row.expires_at <= clock_timestamp() then
    verdict := 'expired';
    perform oncebox.finish(v_row.id, 'cancelled', 'expired');
    return next;
    return;
  end if;

  if not oncebox.channel_is_open(v_row.channel) then
    verdict := 'paused';
    -- Spread over ten seconds, so that a long queue does not come back as one.
    perform oncebox.wake(array[v_row.id], c.paused_until + random() * interval '10 seconds')
       from oncebox.channel as c
      where c.channel = v_row.channel;
    return next;
    return;
  end if;

  if per_second is not null then
    v_wake_at := oncebox.take_slot(v_row.id, per_second);
    if v_wake_at is not null then
      verdict := 'throttled';
      perform oncebox.wake(array[v_row.id], v_wake_at);
      return next;
      return;
    end if;
  end if;

  -- Null when there is no template and the row brings no text: the attempt will say so.
  select nullif(coalesce(v_row.subject, oncebox.render(t.subject, v.variables)), ''),
         nullif(coalesce(v_row.body, oncebox.render(t.body, v.variables)), '')
    into v_row.subject, v_row.body
    from public.landing_leads as l
    left join oncebox.registration as r
      on r.lead_id = l.id
    left join oncebox.template as t
      on t.kind = v_row.kind
     and t.channel = v_row.channel
   cross join lateral (
     select coalesce(r.data, '{}') || jsonb_build_object('name', oncebox.display_name(l.name)) as variables) as v
   where l.id = v_row.lead_id;
  -- One that no longer fits, because its template grew, is none: cut off, it might lose its link.
  if length(v_row.subject) > 500 or length(v_row.body) > (case v_row.channel when 'sms' then 1000 else 20000 end) then
    v_row.subject := null;
    v_row.body := null;
  end if;

  if not oncebox.take_flag(v_row.lead_id, v_row.channel) then
    verdict := 'already_sent';
    perform oncebox.finish(v_row.id, 'cancelled', 'already_sent');
    return next;
    return;
  end if;

  with claimed as (
    update oncebox.notification as n
       set state        = 'claimed',
           state_reason = null,
           attempt      = n.attempt + 1,
           worker_id    = claim.worker_id,
           claim_token  = claim.token,
           lease_until  = clock_timestamp() + lease,
           slot_at      = null,
           subject      = v_row.subject,
           body         = v_row.body,
           segments     = case v_row.channel when 'sms' then oncebox.sms_segments(v_row.body) end
     where n.id = v_row.id
    returning n.id, n.attempt, n.worker_id, n.campaign_id
  )
  insert into oncebox.attempt (notification_id, attempt, worker_id, deadline_at, sending_at)
  select c.id, c.attempt, c.worker_id, clock_timestamp() + send_timeout,
         -- A draft that an earlier attempt committed may have gone out, and this one begins by asking.
         case when not two_step or c.campaign_id is not null then clock_timestamp() end
    from claimed as c;

  return query
  select * from oncebox.claimed(v_row.id);
end
$$;
