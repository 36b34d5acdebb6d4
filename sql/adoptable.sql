-- Can public.landing_leads be adopted as it is? Refused (OB007) if not, with all that is in the way.
--
-- Run by the first migrate, before it changes anything. Reads only. Good when the table is not
-- there, or has a unique id of type uuid and no column of ours with another type; what is missing
-- is added by migrations/0001_outbox. Columns that are not ours do not matter.
do $$
declare
  v_table constant regclass := to_regclass('public.landing_leads');
  v_wrong text;
begin
  if v_table is null then
    return;
  end if;
  select string_agg(wrong.what, '; ' order by wrong.what)
    into v_wrong
    from (
      select format('column %s is %s, wanted %s', w.name, format_type(a.atttypid, a.atttypmod), w.types[1]) as what
        from (values ('id',            '{uuid}'::text[]),
                     ('name',          '{text,"character varying"}'),
                     ('phone',         '{text,"character varying"}'),
                     ('email',         '{text,"character varying"}'),
                     ('sms_sent',      '{boolean}'),
                     ('sms_sent_at',   '{"timestamp with time zone"}'),
                     ('email_sent',    '{boolean}'),
                     ('email_sent_at', '{"timestamp with time zone"}'),
                     ('created_at',    '{"timestamp with time zone"}')) as w (name, types)
        join pg_attribute as a
          on a.attrelid = v_table
         and a.attname = w.name
         and not a.attisdropped
       where not format_type(a.atttypid, null) = any (w.types)
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
    ) as wrong;
  if v_wrong is not null then
    raise exception using
      errcode = 'OB007',
      message = 'public.landing_leads cannot be adopted as it is: ' || v_wrong,
      hint    = 'Change what is named, such as with alter table public.landing_leads add primary key (id), then run oncebox migrate up again. Nothing was changed.';
  end if;
end
$$;
