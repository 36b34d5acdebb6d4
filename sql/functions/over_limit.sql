-- oncebox.over_limit(leads, per_phone, since) -> the records whose number or address had enough leads of late
--
-- For the limits of the HTTP API, against SMS pumping and against filling somebody's mailbox; asked in the
-- transaction that then registers the others. A record whose key is known is nothing new and never over.
-- What a batch brings counts for its later records, also what is refused of it.
--
-- per_phone  leads of one number, and of one address.
--
-- Returns  record, its place from 1; wait, until its number and its address may have another lead.
-- Locks    numbers and addresses until the end of the transaction, so that calls at the same moment cannot
--          all take the last place; of many records only those that come more than once, or had a lead of
--          late: a lock each for thousands would fill the server's table of locks.
create or replace function oncebox.over_limit(leads jsonb, per_phone integer, since interval)
returns table (
  record integer,
  wait   interval
)
language plpgsql
as $$
#variable_conflict use_column
declare
  v_records    integer[];
  v_recipients text[];
begin
  select array_agg(e.record::integer order by e.record), array_agg(r.recipient order by e.record)
    into v_records, v_recipients
    from jsonb_array_elements(leads) with ordinality as e (lead, record)
   cross join lateral (
     select p.phone from oncebox.parse_phone(e.lead ->> 'phone') as p
     union all
     select m.email from oncebox.parse_email(e.lead ->> 'email') as m) as r (recipient)
   cross join lateral (
     select coalesce(nullif(btrim(e.lead ->> 'source'), ''), 'default') as source,
            nullif(e.lead ->> 'idempotency_key', '')                    as idempotency_key) as given
   where r.recipient is not null
     and not exists (
       select
         from oncebox.registration as r
        where r.source = given.source
          and r.idempotency_key = oncebox.standing_key(given.source, given.idempotency_key));

  perform pg_advisory_xact_lock(hashtext('oncebox.over_limit'), recipient.hash)
     from (select distinct hashtext(a.recipient) as hash
             from unnest(v_recipients) as a (recipient)
            group by a.recipient
           having cardinality(v_recipients) <= 20
               or count(*) > 1
               or exists (select
                            from oncebox.notification as n
                           where n.recipient = a.recipient
                             and n.created_at > now() - since)
            order by hash) as recipient;

  -- A statement of its own sees what was committed while we waited.
  return query
  with asked as (
    select a.record, a.recipient, row_number() over (partition by a.recipient order by a.record) as place
      from unnest(v_records, v_recipients) as a (record, recipient)
  ), recent as (
    select a.recipient,
           count(n.id) as leads,
           -- Once this one is old enough there is a place again.
           (array_agg(n.created_at order by n.created_at desc))[per_phone] as in_the_way_at
      from (select distinct asked.recipient from asked) as a
      left join oncebox.notification as n
        on n.recipient = a.recipient
       and n.created_at > now() - since
     group by a.recipient
  )
  select a.record,
         max(greatest(coalesce(r.in_the_way_at + since - now(), since), interval '1 second'))
    from asked as a
    join recent as r
      on r.recipient = a.recipient
   where r.leads + a.place > per_phone
   group by a.record
   order by a.record;
end
$$;
