-- oncebox.over_limit(leads, per_phone, since) -> the records whose number had enough leads of late
--
-- For the limits of the HTTP API, against SMS pumping; asked in the transaction that then registers
-- the others. A record whose key is known is nothing new and never over. What a batch brings counts
-- for its later records.
--
-- Returns  record, its place from 1; wait, until its number may have another lead.
-- Locks    each number until the end of the transaction, so that calls at the same moment cannot all
--          take the last place. Numbers share 128 locks, so that a batch of thousands takes no more.
create or replace function oncebox.over_limit(leads jsonb, per_phone integer, since interval)
returns table (
  record integer,
  wait   interval
)
language plpgsql
as $$
#variable_conflict use_column
begin
  perform pg_advisory_xact_lock(hashtext('oncebox.over_limit'), bucket.number)
     from (select distinct abs(hashtext(p.phone) % 128) as number
             from jsonb_array_elements(leads) as e (lead)
            cross join lateral oncebox.parse_phone(e.lead ->> 'phone') as p
            where p.phone is not null
            order by number) as bucket;

  return query
  with asked as (
    select e.record::integer as record,
           p.phone           as phone,
           row_number() over (partition by p.phone order by e.record) as place
      from jsonb_array_elements(leads) with ordinality as e (lead, record)
     cross join lateral oncebox.parse_phone(e.lead ->> 'phone') as p
     cross join lateral (
       select coalesce(nullif(btrim(e.lead ->> 'source'), ''), 'default') as source,
              nullif(e.lead ->> 'idempotency_key', '')                    as idempotency_key) as given
     where p.phone is not null
       and not exists (
         select
           from oncebox.registration as r
          where r.source = given.source
            and r.idempotency_key = oncebox.standing_key(given.source, given.idempotency_key))
  ), recent as (
    select distinct_phone.phone,
           count(n.id) as leads,
           -- Once this one is old enough there is a place again.
           (array_agg(n.created_at order by n.created_at desc))[per_phone] as in_the_way_at
      from (select distinct a.phone from asked as a) as distinct_phone
      left join oncebox.notification as n
        on n.recipient = distinct_phone.phone
       and n.created_at > now() - since
     group by distinct_phone.phone
  )
  select a.record,
         greatest(coalesce(r.in_the_way_at + since - now(), since), interval '1 second')
    from asked as a
    join recent as r
      on r.phone = a.phone
   where r.leads + a.place > per_phone
   order by a.record;
end
$$;
