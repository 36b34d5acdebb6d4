-- oncebox.adopt_leads(since, until, kind, channels, due_at, at_most, actor) -> how many leads and notifications
--
-- Takes over leads that another program wrote and nobody has sent: those that adoptable_leads says
-- adopt for, the oldest first, at most at_most leads a call. Each gets its notifications and their
-- jobs, as if it had been registered; its row in landing_leads stays as it is. Call it again for the
-- next ones, until it answers 0.
--
-- due_at   default: what it would have been, created_at + the delay in oncebox.setting, or now if that
--          is past; and two minutes more, in which an old backend that looked at the lead's flag
--          before its senders were stopped has sent it and set the flag.
-- Repeats  nothing is taken over twice: a lead that has a row for the channel is left alone.
-- Flags    are not touched here. Whoever sets one before the claim keeps it: the notification is then
--          cancelled with already_sent. Audited, one row each.
-- Locks    the leads' keys against deletion until commit; updates of their flags go on.
create or replace function oncebox.adopt_leads(
  since    timestamptz,
  until    timestamptz,
  kind     text,
  channels text[],
  due_at   timestamptz,
  at_most  integer,
  actor    text
) returns table (
  leads         integer,
  notifications integer
)
language sql
as $$
  with candidate as (
    select a.*,
           dense_rank() over (order by a.created_at, a.lead_id) as place
      from oncebox.adoptable_leads(since, until, kind, channels) as a
     where a.verdict = 'adopt'
  ), taken as (
    -- The recipient is filled in by trigger, as for every row that brings none.
    insert into oncebox.notification (lead_id, channel, kind, due_at)
    select c.lead_id, c.channel, adopt_leads.kind,
           coalesce(adopt_leads.due_at, greatest(c.created_at + s.delay, now()) + interval '2 minutes')
      from candidate as c
     cross join oncebox.setting as s
     where c.place <= at_most
     order by c.place, c.channel
    -- Another call was faster.
    on conflict do nothing
    returning id, lead_id
  ), audited as (
    insert into oncebox.audit (actor, action, notification_id, from_state, to_state, reason)
    select adopt_leads.actor, 'adopt', t.id, '-', 'pending', 'taken over from another program'
      from taken as t
     order by t.id
  )
  select count(distinct t.lead_id)::integer, count(*)::integer
    from taken as t;
$$;
