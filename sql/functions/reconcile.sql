-- oncebox.reconcile(notification_id, attempt, worker_id, finding, ..) -> the verdict
--
-- Decides by what the provider's record says of an outcome in doubt, or of a held notification.
--
-- finding  sent       it went out            unknown -> sent; held: the lead's flag says so from now on
--          rejected   it was refused         unknown -> failed; held: let go
--          draft      it is there, unsent    unknown -> pending: the same campaign is continued; held: let go
--          absent     there is no trace      the same, but only when seen three times running, all
--                                            of them after the attempt's deadline: absence from a
--                                            list is weaker than a record
--          repeat     nobody can tell, and the settings say to send again: as draft
--          undecided  asked in vain          asked again later, less and less often
-- Returns  sent, failed, pending, already_sent (held, and it had gone out), later; null when the row
--          has moved on meanwhile. Every question and verdict stays in oncebox.lookup.
-- Locks    the notification row, then the lead row, then the attempt, until commit.
create or replace function oncebox.reconcile(
  notification_id bigint,
  attempt         integer,
  worker_id       uuid,
  finding         text,
  detail          text default null,
  provider_ref    text default null,
  campaign_id     text default null,
  delivery        text default null
) returns text
language plpgsql
as $$
#variable_conflict use_variable
declare
  v_row      oncebox.notification;
  v_deadline timestamptz;
  v_asked    integer;
  v_absent   integer;
  v_verdict  text;
begin
  select n.*
    into v_row
    from oncebox.notification as n
   where n.id = reconcile.notification_id
     for update;
  if not found or v_row.look_up_at is null or v_row.attempt <> reconcile.attempt then
    return null;
  end if;

  -- A held row may stem from an attempt whose record is lost: its send is over once the longest
  -- time has passed that a send of late was given.
  select coalesce(max(a.deadline_at), '-infinity')
    into v_deadline
    from oncebox.attempt as a
   where a.notification_id = v_row.id;
  if v_row.is_held then
    select greatest(v_deadline, s.travelled_at + greatest(interval '1 minute', max(r.deadline_at - r.started_at)))
      into v_deadline
      from oncebox.setting as s
      left join lateral (
        select a.deadline_at, a.started_at
          from oncebox.attempt as a
         order by a.notification_id desc
         limit 100) as r on true
     group by s.travelled_at;
  end if;
  select count(*),
         count(*) filter (where l.finding = 'absent' and l.at > v_deadline)
    into v_asked, v_absent
    from oncebox.lookup as l
   where l.notification_id = v_row.id
     and l.attempt = v_row.attempt
     and (not v_row.is_held or l.at > (select s.travelled_at from oncebox.setting as s));

  v_verdict := case
    when finding = 'sent' then case when v_row.is_held then 'already_sent' else 'sent' end
    when finding = 'rejected' then case when v_row.is_held then 'pending' else 'failed' end
    when finding in ('draft', 'repeat') then 'pending'
    when finding = 'absent' and v_absent >= 2 and clock_timestamp() > v_deadline then 'pending'
    else 'later'
  end;
  insert into oncebox.lookup (notification_id, attempt, worker_id, finding, verdict, detail)
  values (v_row.id, v_row.attempt, reconcile.worker_id, reconcile.finding, v_verdict, left(reconcile.detail, 2000));

  case v_verdict
    when 'sent' then
      perform oncebox.settle(v_row.id, v_row.attempt, 'accepted', 'sent', detail => reconcile.detail,
                             provider_ref => reconcile.provider_ref, campaign_id => reconcile.campaign_id,
                             delivery => reconcile.delivery);
    when 'failed' then
      perform oncebox.settle(v_row.id, v_row.attempt, 'rejected', 'failed', code => 'reconciled', detail => reconcile.detail);
    when 'already_sent' then
      perform oncebox.put_flag(v_row.lead_id, v_row.channel, true, clock_timestamp());
      update oncebox.notification as n
         set is_held      = false,
             look_up_at   = null,
             provider_ref = coalesce(reconcile.provider_ref, n.provider_ref)
       where n.id = v_row.id;
      perform oncebox.wake(array[v_row.id]);
    when 'pending' then
      update oncebox.notification as n
         set state        = 'pending',
             state_reason = 'reconciled',
             is_held      = false,
             look_up_at   = null,
             due_at       = least(n.due_at, clock_timestamp())
       where n.id = v_row.id;
      if v_row.state = 'unknown' then
        perform oncebox.put_flag(v_row.lead_id, v_row.channel, false, null);
      end if;
      perform oncebox.wake(array[v_row.id]);
    else
      update oncebox.notification as n
         set look_up_at = greatest(
               clock_timestamp() + case finding
                 when 'absent' then interval '5 seconds'
                 else least(interval '2 seconds' * 2 ^ least(v_asked, 12), interval '1 hour')
               end,
               case finding when 'absent' then v_deadline end)
       where n.id = v_row.id;
  end case;
  return v_verdict;
end
$$;
