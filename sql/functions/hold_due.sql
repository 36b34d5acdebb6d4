-- oncebox.hold_due() -> the ids that it held. Not for use by itself: see notice_epoch and hold.
--
-- Commits may be missing: holds everything that is due by now, and takes from open claims the proof
-- that they sent nothing. The provider is asked about SMS (reconcile); emails wait for a person.
--
-- Locks    the settings row, the due rows, the attempts of claimed ones, until commit.
create or replace function oncebox.hold_due()
returns bigint[]
language plpgsql
as $$
declare
  v_ids bigint[];
begin
  update oncebox.setting
     set travelled_at = clock_timestamp();

  with held as (
    update oncebox.notification as n
       set is_held    = true,
           look_up_at = case n.channel when 'sms' then clock_timestamp() end,
           -- A lost commit may have given the next numbers away, and who holds one may still settle.
           attempt    = n.attempt + 10
     where n.state = 'pending'
       -- By another machine's clock it may have been due a moment earlier.
       and n.due_at <= statement_timestamp() + interval '10 seconds'
    returning n.id
  )
  select coalesce(array_agg(h.id), '{}')
    into v_ids
    from held as h;

  -- The commit that marked them may be one of those that are missing.
  update oncebox.attempt as a
     set sending_at = coalesce(a.sending_at, clock_timestamp())
    from oncebox.notification as n
   where n.id = a.notification_id
     and n.attempt = a.attempt
     and n.state = 'claimed';
  return v_ids;
end
$$;
