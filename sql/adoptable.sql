-- Can public.landing_leads be adopted as it is? Refused (OB007) if not, with all that is in the way.
--
-- Run by the first migrate, before it changes anything. Reads only, and only the catalog. Good when the
-- table is not there, or is one that the migrating role may alter, with a unique id of type uuid, no
-- column of ours that oncebox could not read or write, and no column of others that would make every
-- registration fail. What is missing is added by migrations/0001_outbox; a flag that is null counts as
-- not set, so flags may stay nullable and without a default.
do $$
declare
  v_table constant regclass := to_regclass('public.landing_leads');
  v_wrong text;
begin
  if v_table is null then
    return;
  end if;
  with ours (name, types) as (
    values ('id',            '{uuid}'::text[]),
           ('name',          '{text,"character varying"}'),
           ('phone',         '{text,"character varying"}'),
           ('email',         '{text,"character varying"}'),
           ('sms_sent',      '{boolean}'),
           ('sms_sent_at',   '{"timestamp with time zone"}'),
           ('email_sent',    '{boolean}'),
           ('email_sent_at', '{"timestamp with time zone"}'),
           ('created_at',    '{"timestamp with time zone"}')
  ), found as (
    select a.attname                                                     as name,
           format_type(a.atttypid, a.atttypmod)                          as type,
           format_type(a.atttypid, null)                                 as plain_type,
           a.atttypmod                                                   as modifier,
           a.attgenerated <> ''                                          as is_generated,
           a.attnotnull or t.typnotnull                                  as is_not_null,
           a.atthasdef or a.attidentity <> '' or t.typdefault is not null as has_default
      from pg_attribute as a
      join pg_type as t on t.oid = a.atttypid
     where a.attrelid = v_table
       and a.attnum > 0
       and not a.attisdropped
  ), wrong (what) as (
    select format('it is %s, wanted an ordinary table',
                  case c.relkind when 'v' then 'a view' when 'm' then 'a materialized view'
                                 when 'f' then 'a foreign table' else 'no table' end)
      from pg_class as c
     where c.oid = v_table
       and c.relkind not in ('r', 'p')
    union all
    select 'it is unlogged, wanted a table that outlives a crash'
      from pg_class as c
     where c.oid = v_table
       and c.relpersistence <> 'p'
    union all
    select format('it belongs to %I, wanted %I to be a member of that role', pg_get_userbyid(c.relowner), current_user)
      from pg_class as c
     where c.oid = v_table
       and not pg_has_role(c.relowner, 'usage')
    union all
    select format('column %s is %s, wanted %s', o.name, f.type, o.types[1])
      from ours as o
      join found as f on f.name = o.name
     where not f.plain_type = any (o.types)
    union all
    -- The longest number has 15 digits and its plus; a length is kept as 4 more.
    select format('column phone is %s, wanted text or at least character varying(16)', f.type)
      from found as f
     where f.name = 'phone'
       and f.plain_type = 'character varying'
       and f.modifier between 0 and 16 + 4 - 1
    union all
    select format('column %s is generated, wanted one that can be written', f.name)
      from ours as o
      join found as f on f.name = o.name
     where f.is_generated
    union all
    -- Empty until the provider has accepted.
    select format('column %s is not null, wanted one that may be null', f.name)
      from found as f
     where f.name in ('sms_sent_at', 'email_sent_at')
       and f.is_not_null
    union all
    select format('column %I is not null without a default, wanted a default or null: every registration would fail', f.name)
      from found as f
     where f.is_not_null
       and not f.has_default
       and f.name not in (select o.name from ours as o)
    union all
    select 'column id has no primary key or unique index, wanted one on id alone'
     where not exists (
             select
               from pg_index as i
               join pg_attribute as a
                 on a.attrelid = i.indrelid
                and a.attnum = i.indkey[0]
              where i.indrelid = v_table
                and i.indisunique
                and i.indisvalid
                -- No foreign key can refer to one that is checked only at commit.
                and i.indimmediate
                and i.indpred is null
                and i.indnkeyatts = 1
                and a.attname = 'id')
  )
  select string_agg(w.what, '; ' order by w.what)
    into v_wrong
    from wrong as w;
  if v_wrong is not null then
    raise exception using
      errcode = 'OB007',
      message = 'public.landing_leads cannot be adopted as it is: ' || v_wrong,
      hint    = 'Change what is named, such as with alter table public.landing_leads add primary key (id), or alter column .. drop not null, then run oncebox migrate up again. Nothing was changed.';
  end if;
end
$$;
