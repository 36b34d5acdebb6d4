-- oncebox.erase_lead(lead_id, actor) -> how many notifications it closed
--
-- Forgets a person: name, number, address, texts and data of this lead, wherever oncebox keeps them.
--
-- Moves    pending -> cancelled, unknown -> failed, both with the reason erased. The lead's flags stay
--          as they are, so that what may have gone out does not go out again.
-- Keeps    a tombstone: the rows with their states, ids and times; the key of the registration as a
--          hash, so that a registration that is repeated is still recognised and sends nothing.
-- Clears   landing_leads (name, phone, email; a column that must not be null says erased), recipient,
--          subject and body, the registration's data and fingerprint, details that providers gave,
--          reasons that people gave. Columns of landing_leads that are not ours are not touched.
-- Refuses  OB005 there is no such lead; OB006 one of its notifications is being sent or came just now,
--          or a draft with its number may still be at the provider.
-- Repeats  a second call changes nothing and answers 0. Audited, without personal data.
-- Locks    the lead's notifications, then the lead, until commit.
create or replace function oncebox.erase_lead(lead_id uuid, actor text)
returns integer
language plpgsql
as $$
#variable_conflict use_column
declare
  v_ids    bigint[];
  v_open   bigint[];
  v_busy   bigint;
  v_left   bigint;
  v_column text;
begin
  with locked as (
    select n.id, n.state, n.discard_at
      from oncebox.notification as n
     where n.lead_id = erase_lead.lead_id
     order by n.id
       for update
  )
  select coalesce(array_agg(l.id order by l.id), '{}'),
         coalesce(array_agg(l.id order by l.id) filter (where l.state in ('pending', 'unknown')), '{}'),
         min(l.id) filter (where l.state = 'claimed'),
         min(l.id) filter (where l.discard_at is not null)
    into v_ids, v_open, v_busy, v_left
    from locked as l;
  if v_busy is not null then
    raise exception using
      errcode = 'OB006',
      message = format('notification %s is being sent just now, and its lead cannot be erased', v_busy),
      hint    = 'Try again in a minute.';
  end if;
  if v_left is not null then
    raise exception using
      errcode = 'OB006',
      message = format('a draft of notification %s may still be at the provider, with the number of its lead, which cannot be erased yet', v_left),
      hint    = 'Workers throw it away some minutes after the notification is final. Cancel it if it is pending, and try again then.';
  end if;
  perform from public.landing_leads as l where l.id = erase_lead.lead_id for update;
  if not found then
    raise exception using
      errcode = 'OB005',
      message = format('there is no lead %s', erase_lead.lead_id),
      hint    = 'Look it up with oncebox notifications list --lead, or by --phone or --email.';
  end if;
  -- A lead that is locked gets no row; this one came while we waited for the lead.
  if exists (
       select
         from oncebox.notification as n
        where n.lead_id = erase_lead.lead_id
          and n.id <> all (v_ids))
  then
    raise exception using
      errcode = 'OB006',
      message = format('lead %s got a notification just now, and cannot be erased', erase_lead.lead_id),
      hint    = 'Try again.';
  end if;

  insert into oncebox.audit (actor, action, notification_id, from_state, to_state, reason)
  select erase_lead.actor, 'erase', n.id, n.state,
         case n.state when 'pending' then 'cancelled' when 'unknown' then 'failed' else n.state end, 'erased'
    from oncebox.notification as n
   where n.id = any (v_ids)
     and n.erased_at is null
   order by n.id;
  perform oncebox.finish(n.id, case n.state when 'pending' then 'cancelled' else 'failed' end, 'erased')
     from oncebox.notification as n
    where n.id = any (v_open);
  perform graphile_worker.remove_job('oncebox:' || o.id)
     from unnest(v_open) as o (id);
  update oncebox.notification as n
     set recipient    = '',
         subject      = null,
         body         = null,
         delivery_detail = null,
         -- One of ours is a word; a person's may name somebody, and be a word or a number, too.
         state_reason = case when n.state_reason ~ '^[a-z0-9_]+$'
                              and not exists (
                                select
                                  from oncebox.audit as a
                                 where a.notification_id = n.id
                                   and a.reason = n.state_reason) then n.state_reason
                             when n.state_reason is not null then 'erased' end,
         erased_at    = clock_timestamp()
   where n.id = any (v_ids)
     and n.erased_at is null;
  update oncebox.attempt as a set detail = null where a.notification_id = any (v_ids) and a.detail is not null;
  update oncebox.lookup as l set detail = null where l.notification_id = any (v_ids) and l.detail is not null;
  update oncebox.audit as a set reason = 'erased' where a.notification_id = any (v_ids) and a.reason <> 'erased';
  update oncebox.registration as r
     set idempotency_key = oncebox.erased_key(r.source, r.idempotency_key),
         data            = '{}',
         fingerprint     = '',
         -- It leads to whatever the caller's own trace says.
         traceparent     = null,
         erased_at       = clock_timestamp()
   where r.lead_id = erase_lead.lead_id
     and r.erased_at is null;
  foreach v_column in array array['name', 'phone', 'email'] loop
    execute format(
      'update public.landing_leads set %1$I = case when $2 then ''erased '' || id end where id = $1 and %1$I is not null and %1$I <> ''erased '' || id',
      v_column)
      using erase_lead.lead_id, (
        select a.attnotnull
          from pg_attribute as a
         where a.attrelid = 'public.landing_leads'::regclass
           and a.attname = v_column);
  end loop;
  return cardinality(v_open);
end
$$;
