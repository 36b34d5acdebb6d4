import type pg from "pg";

export interface CatalogEntry {
  /** Kind and name, such as `column oncebox.worker.pid`. */
  readonly object: string;
  /** As SQL, the same on every supported version of Postgres. */
  readonly definition: string;
}

/**
 * All that makes up our schema and our part of public.landing_leads, ordered by table. Not what a
 * sql/roles.sql sets: owners, rights, and with whose rights a function runs; `inspect/roles.ts` looks at those.
 */
const CATALOG = `
with ours as (
  select c.oid, c.relkind, c.relname, c.reloptions, c.relrowsecurity,
         n.nspname || '.' || c.relname as name
    from pg_class as c
    join pg_namespace as n
      on n.oid = c.relnamespace
   where n.nspname = 'oncebox'
      or (n.nspname = 'public' and c.relname = 'landing_leads')
), routine as (
  select p.*, 'oncebox.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name
    from pg_proc as p
   where p.pronamespace = to_regnamespace('oncebox')
), entry (rank, owner, kind, name, definition) as (
  select 1, o.name, 'table', o.name,
         format('create table %s ();', o.name)
    from ours as o
   where o.relkind in ('r', 'p')
  union all
  select 2, o.name, 'column', o.name || '.' || a.attname,
         format('alter table %s add column %I %s%s%s%s%s;', o.name, a.attname,
                format_type(a.atttypid, a.atttypmod),
                case when a.attcollation not in (0, 100) then ' collate ' || a.attcollation::regcollation end,
                case when a.attnotnull then ' not null' end,
                ' default ' || pg_get_expr(d.adbin, d.adrelid),
                case when a.attidentity = 'a' then ' generated always as identity' end)
    from ours as o
    join pg_attribute as a
      on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef as d
      on d.adrelid = o.oid and d.adnum = a.attnum
   where o.relkind in ('r', 'p')
  union all
  select 3, o.name, 'constraint', o.name || '.' || k.conname,
         format('alter table %s add constraint %I %s;', o.name, k.conname, pg_get_constraintdef(k.oid))
    from ours as o
    join pg_constraint as k
      on k.conrelid = o.oid
   -- From PostgreSQL 18 on, not null is one too; it stands with its column.
   where k.contype <> 'n'
  union all
  select 4, t.name, 'index', o.name,
         pg_get_indexdef(o.oid) || ';' || case when i.indisvalid then '' else ' -- invalid' end
    from ours as o
    join pg_index as i
      on i.indexrelid = o.oid
    join ours as t
      on t.oid = i.indrelid
   where o.relkind = 'i'
     and not exists (select from pg_constraint as k where k.conindid = o.oid and k.contype in ('p', 'u'))
  union all
  select 5, o.name, 'trigger', o.name || '.' || t.tgname,
         pg_get_triggerdef(t.oid) || ';' || case when t.tgenabled = 'O' then '' else ' -- not enabled' end
    from ours as o
    join pg_trigger as t
      on t.tgrelid = o.oid and not t.tgisinternal
  union all
  select 6, o.name, 'options', o.name,
         format('alter table %s set (%s);', o.name, array_to_string(o.reloptions, ', '))
    from ours as o
   where o.reloptions is not null and o.relkind in ('r', 'p')
  union all
  -- Without the aliases of tables: up to PostgreSQL 15 they stand only where they are needed.
  select 1, o.name, 'view', o.name, format(E'create view %s%s as\\n%s', o.name, ' with (' || array_to_string(o.reloptions, ', ') || ')', regexp_replace(pg_get_viewdef(o.oid), '\\m[a-z]{1,2}\\.', '', 'g'))
    from ours as o
   where o.relkind = 'v'
  union all
  select 1, r.name, 'function', r.name,
         format('-- returns %s; language %s; volatility %s; parallel %s; body md5 %s',
                pg_get_function_result(r.oid), l.lanname, r.provolatile, r.proparallel,
                md5(r.prosrc || coalesce(pg_get_function_arguments(r.oid), '')))
    from routine as r
    join pg_language as l
      on l.oid = r.prolang
  union all
  select 7, o.name, 'row level security', o.name,
         format('alter table %s enable row level security;', o.name)
    from ours as o
   where o.relrowsecurity
     and o.relkind in ('r', 'p')
     and o.name like 'oncebox.%'
  union all
  select 8, o.name, 'comment', case when a.attname is null then o.name else o.name || '.' || a.attname end,
         'is ' || quote_literal(d.description)
    from ours as o
    join pg_description as d
      on d.objoid = o.oid and d.classoid = 'pg_class'::regclass
    left join pg_attribute as a
      on a.attrelid = o.oid and a.attnum = d.objsubid and d.objsubid > 0
  union all
  select 0, '', 'table', 'graphile_worker._private_jobs', '-- made by graphile-worker'
    -- By name: whoever asks may have no right to that schema.
    from pg_class as c
    join pg_namespace as n
      on n.oid = c.relnamespace
   where n.nspname = 'graphile_worker'
     and c.relname = '_private_jobs'
)
select kind || ' ' || name as object, definition
  from entry
 -- In C, so that every database gives the same order.
 order by owner collate "C", rank, kind collate "C", name collate "C"`;

/** Every object of ours in the database, an entry each. Reads the catalog only. */
export async function readCatalog(pool: pg.Pool): Promise<CatalogEntry[]> {
  const client = await pool.connect();
  try {
    await client.query("begin read only");
    // Otherwise names of public stand without it, as the search path of the role has it.
    await client.query("set local search_path = pg_catalog");
    const { rows } = await client.query<CatalogEntry>(CATALOG);
    return rows;
  } finally {
    await client.query("rollback").catch(() => {});
    client.release();
  }
}
