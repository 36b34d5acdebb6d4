-- oncebox.claim(notification_id, worker_id, token, ..) -> the attempt to make, or why there is none
--
-- claim_each for one notification; but what somebody holds is waited for: the second of two callers
-- looks at the state again when the first has committed, and gets no row.
--
-- Repeats  also while the commit of the same call is still under way.
-- Locks    the notification row, then the lead row, until commit. Commit before calling a provider.
--          Before them, once after time travel, what notice_epoch holds.
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
begin
  perform oncebox.notice_epoch();
  -- No SKIP LOCKED: the caller wants this row, not just any row.
  perform
     from oncebox.notification as n
    where n.id = claim.notification_id
      and ((n.state = 'pending' and n.due_at <= clock_timestamp())
           or (n.state = 'claimed' and n.claim_token = claim.token))
      for update;
  if not found then
    return;
  end if;
  perform
     from public.landing_leads as l
    where l.id = (select n.lead_id from oncebox.notification as n where n.id = claim.notification_id)
      for no key update;

  return query
  select c.verdict, c.attempt, c.lead_id, c.channel, c.recipient, c.subject, c.body, c.reference,
         c.campaign_id, c.message_id, c.failures, c.pauses, c.due_at
    from oncebox.claim_each(array[claim.notification_id], worker_id, array[token], lease, send_timeout,
                            array[per_second], array[two_step]) as c;
end
$$;
