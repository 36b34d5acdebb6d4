import type pg from "pg";

/** Everything that makes up the schema, a line each: what a dump would say, without its data. */
export async function readCatalog(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(`
    with ours as (
      select c.oid, c.oid::regclass::text as name, c.relkind, c.reloptions
        from pg_class as c
       where c.relnamespace in ('oncebox'::regnamespace, 'public'::regnamespace)
    )
    select format('%s %s %s %s', o.relkind, o.name, o.reloptions, obj_description(o.oid, 'pg_class')) as line
      from ours as o
    union all
    select format('column %s.%s %s %s %s %s %s', o.name, a.attname, format_type(a.atttypid, a.atttypmod),
                  a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, col_description(o.oid, a.attnum))
      from ours as o
      join pg_attribute as a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef as d on d.adrelid = o.oid and d.adnum = a.attnum
    union all
    select format('constraint %s %s %s', o.name, k.conname, pg_get_constraintdef(k.oid))
      from ours as o
      join pg_constraint as k on k.conrelid = o.oid
    union all
    select pg_get_indexdef(o.oid) from ours as o where o.relkind = 'i'
    union all
    select pg_get_viewdef(o.oid) from ours as o where o.relkind = 'v'
    union all
    select pg_get_triggerdef(t.oid)
      from ours as o
      join pg_trigger as t on t.tgrelid = o.oid and not t.tgisinternal
    union all
    select pg_get_functiondef(p.oid)
      from pg_proc as p
     where p.pronamespace in ('oncebox'::regnamespace, 'public'::regnamespace)
     order by line`);
  return rows.map((row) => row.line);
}

/** What a database holds beside Postgres' own: schemas, and tables with their columns. */
export async function readShape(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(`
    select 'schema ' || nspname as line
      from pg_namespace
     where nspname !~ '^pg_' and nspname <> 'information_schema'
    union all
    select format('%s.%s.%s %s', table_schema, table_name, column_name, data_type)
      from information_schema.columns
     where table_schema !~ '^pg_' and table_schema <> 'information_schema'
     order by line`);
  return rows.map((row) => row.line);
}
