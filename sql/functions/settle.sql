-- oncebox.settle(..) -> moved?, and where the row is now
--
-- settle_each for one attempt; but what somebody holds is waited for.
--
-- Refuses  OB005 there is no such notification.
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
begin
  perform oncebox.lock_state(settle.notification_id);
  perform
     from public.landing_leads as l
    where l.id = (select n.lead_id from oncebox.notification as n where n.id = settle.notification_id)
      for no key update;

  return query
  select s.moved, s.now_state
    from oncebox.settle_each(jsonb_build_array(jsonb_build_object(
           'notification_id', settle.notification_id, 'attempt', settle.attempt, 'outcome', settle.outcome,
           'state', settle.state, 'code', settle.code, 'detail', settle.detail, 'provider_ref', settle.provider_ref,
           'campaign_id', settle.campaign_id, 'delivery', settle.delivery, 'retry_in', settle.retry_in,
           'counts', settle.counts, 'pause_for', settle.pause_for, 'pauses', settle.pauses))) as s;
end
$$;
