-- oncebox.keep_draft_each(notification_ids, attempts, campaign_ids, message_ids) -> of each, whether its attempt still holds the claim
--
-- Commits what was prepared with the provider, before the one call that cannot be taken back.
-- From here on every later attempt acts on these same campaigns. oncebox.keep_draft is the same for one.
--
-- Returns  kept = false when the attempt no longer holds the claim: nothing is written, and nothing may be sent.
--          no row: somebody holds its row. Ask keep_draft, which waits for them.
-- Repeats  the same call a second time answers the same.
-- Locks    the notification rows until commit; skips those that somebody holds.
create or replace function oncebox.keep_draft_each(
  notification_ids bigint[],
  attempts         integer[],
  campaign_ids     text[],
  message_ids      text[]
) returns table (
  notification_id bigint,
  kept            boolean
)
language plpgsql
-- See claim_each.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  -- If a crash of the server took it back, sweep would take the attempt for one that sent nothing.
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  v_ids := array(
    select n.id
      from oncebox.notification as n
     where n.id = any (notification_ids)
       for update skip locked);

  return query
  with draft as materialized (
    select a.*, n.place, n.may_keep
      from unnest(notification_ids, attempts, campaign_ids, message_ids) as a (id, attempt, campaign_id, message_id)
     cross join lateral (
       select n.ctid as place,
              n.attempt = a.attempt
              and n.state = 'claimed'
              and n.lease_until > clock_timestamp()
              and (n.campaign_id is null
                   -- The same call again, by a worker whose connection broke around the commit.
                   or (n.campaign_id, n.message_id) = (a.campaign_id, a.message_id)) as may_keep
         from oncebox.notification as n
        where n.id = a.id
       offset 0) as n
     where a.id = any (v_ids)
  ), kept as (
    update oncebox.notification as n
       set campaign_id = d.campaign_id,
           message_id  = d.message_id
      from draft as d
     where n.ctid = d.place
       -- Asked above and not of n: its partial index would be read for it, once for each draft.
       and d.may_keep
    returning n.id, n.attempt
  ), marked as (
    update oncebox.attempt as a
       set sending_at = coalesce(a.sending_at, clock_timestamp())
      from kept as k
     cross join lateral (
       select o.ctid
         from oncebox.attempt as o
        where o.notification_id = k.id
          and o.attempt = k.attempt
       offset 0) as own
     where a.ctid = own.ctid
  )
  select d.id, k.id is not null
    from draft as d
    left join kept as k on k.id = d.id;
end
$$;
