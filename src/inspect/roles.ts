import { type Kysely, sql } from "kysely";
import { DECLARED, type Privilege, ROLES, STRANGERS, WITH_OWNERS_RIGHTS } from "./privileges.ts";

export interface RolesState {
  /** False: `oncebox migrate roles --apply` was never run here; one owner does everything. */
  readonly areApplied: boolean;
  /** What is otherwise than declared, a sentence each; empty when all is well. */
  readonly differences: readonly string[];
  /** What is not ours to change, and worth knowing. */
  readonly remarks: readonly string[];
}

/**
 * Whether every role may do what is declared, and nothing else: schemas, tables, columns, views,
 * sequences and functions. Any role may ask. Where the roles were never applied it looks only whether
 * functions are open to PUBLIC.
 */
export async function readRoles(db: Kysely<unknown>): Promise<RolesState> {
  const areApplied = await readAreApplied(db);
  const privileges = await readPrivileges(db);
  return {
    areApplied,
    differences: [
      ...compare(privileges, areApplied),
      ...(areApplied ? await readWrongOwners(db) : []),
      ...(await readWrongFunctions(db, areApplied)),
    ],
    remarks: [
      ...openLeads(privileges, await readIsLeadTableGuarded(db)),
      ...(await readTriggers(db)),
    ],
  };
}

async function readAreApplied(db: Kysely<unknown>): Promise<boolean> {
  const { rows } = await sql<{ yes: boolean }>`
    select exists (
      select
        from pg_namespace as s
       cross join aclexplode(s.nspacl) as granted
        join pg_roles as r on r.oid = granted.grantee
       where s.nspname = 'oncebox' and r.rolname = 'oncebox_worker') as yes`.execute(db);
  return rows[0]?.yes === true;
}

/** What each of the roles that exist may really do, however it came by it. */
async function readPrivileges(db: Kysely<unknown>): Promise<Privilege[]> {
  const { rows } = await sql<Privilege>`
    with role (name) as (
      select r.rolname::text from pg_roles as r where r.rolname = any (${[...ROLES, ...STRANGERS]})
      union all
      select 'public'
    ), relation as (
      select c.oid,
             c.relkind,
             s.nspname || '.' || c.relname as name
        from pg_class as c
        join pg_namespace as s on s.oid = c.relnamespace
       where (s.nspname in ('oncebox', 'graphile_worker') or c.oid = to_regclass('public.landing_leads'))
         and c.relkind in ('r', 'v', 'm', 'p', 'S')
    )
    select role.name as role, p.right, 'schema ' || s.nspname as object
      from role
     cross join pg_namespace as s
     cross join unnest(array['usage', 'create']) as p ("right")
     where s.nspname in ('oncebox', 'graphile_worker')
       and has_schema_privilege(role.name, s.oid, p.right)
    union all
    select role.name, p.right, case r.relkind when 'v' then 'view ' else 'table ' end || r.name
      from role
     cross join relation as r
     cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as p ("right")
     where r.relkind <> 'S'
       and has_table_privilege(role.name, r.oid, p.right)
    union all
    select role.name, p.right || ' (' || a.attname || ')', 'table ' || r.name
      from role
     cross join relation as r
      join pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
     cross join unnest(array['select', 'insert', 'update', 'references']) as p ("right")
     where r.relkind in ('r', 'p')
       and not has_table_privilege(role.name, r.oid, p.right)
       and has_column_privilege(role.name, r.oid, a.attnum, p.right)
    union all
    select role.name, p.right, 'sequence ' || r.name
      from role
     cross join relation as r
     cross join unnest(array['usage', 'select', 'update']) as p ("right")
     where r.relkind = 'S'
       and has_sequence_privilege(role.name, r.oid, p.right)
    union all
    select role.name, 'execute', 'function oncebox.' || f.proname
      from role
     cross join pg_proc as f
     where f.pronamespace = to_regnamespace('oncebox')
       and has_function_privilege(role.name, f.oid, 'execute')`.execute(db);
  return rows;
}

function compare(found: readonly Privilege[], areApplied: boolean): string[] {
  const declared = new Set(DECLARED.map(keyOf));
  const there = new Set(found.map(keyOf));
  const strange = found.filter((it) => isOurs(it) && !declared.has(keyOf(it)));
  // Without the roles only what is everybody's is anybody's.
  if (!areApplied) {
    return strange.filter((it) => it.role === "public").map((it) => tell(it, "may"));
  }
  return [
    ...strange.map((it) => tell(it, "may")),
    ...DECLARED.filter((it) => !there.has(keyOf(it))).map((it) => tell(it, "may not")),
  ];
}

/** The owner may all in its schema, and the leads' table is not ours to close. */
function isOurs({ role, object }: Privilege): boolean {
  return role !== "oncebox_owner" && object !== "table public.landing_leads";
}

function keyOf({ role, right, object }: Privilege): string {
  return `${role} ${right} ${object}`;
}

function tell({ role, right, object }: Privilege, how: "may" | "may not"): string {
  return `${role} ${how} ${right} on ${object}`;
}

async function readWrongOwners(db: Kysely<unknown>): Promise<string[]> {
  const { rows } = await sql<{ what: string }>`
    select format('%s belongs to %s, wanted oncebox_owner', o.name, pg_get_userbyid(o.owner)) as what
      from (
        select 'schema oncebox' as name, s.nspowner as owner from pg_namespace as s where s.nspname = 'oncebox'
        union all
        select 'oncebox.' || c.relname, c.relowner
          from pg_class as c
         where c.relnamespace = to_regnamespace('oncebox') and c.relkind in ('r', 'v', 'S')
        union all
        select 'function oncebox.' || f.proname, f.proowner
          from pg_proc as f
         where f.pronamespace = to_regnamespace('oncebox')) as o
     where pg_get_userbyid(o.owner) <> 'oncebox_owner'
     order by what`.execute(db);
  return rows.map((it) => it.what);
}

async function readWrongFunctions(db: Kysely<unknown>, areApplied: boolean): Promise<string[]> {
  const { rows } = await sql<{ name: string; isDefiner: boolean; isPinned: boolean }>`
    select 'oncebox.' || f.proname as name,
           f.prosecdef as "isDefiner",
           coalesce('search_path=pg_catalog, oncebox, pg_temp' = any (f.proconfig), false) as "isPinned"
      from pg_proc as f
     where f.pronamespace = to_regnamespace('oncebox')
     order by name`.execute(db);
  return rows.flatMap(({ name, isDefiner, isPinned }) => {
    const isDeclared = areApplied && WITH_OWNERS_RIGHTS.includes(name);
    if (isDefiner !== isDeclared)
      return [`function ${name} ${isDefiner ? "runs" : "does not run"} with its owner's rights`];
    if (isDefiner && !isPinned) return [`function ${name} has no pinned search_path`];
    return [];
  });
}

async function readIsLeadTableGuarded(db: Kysely<unknown>): Promise<boolean> {
  const { rows } = await sql<{ guarded: boolean }>`
    select c.relrowsecurity as guarded from pg_class as c where c.oid = to_regclass('public.landing_leads')`.execute(
    db,
  );
  return rows[0]?.guarded === true;
}

function openLeads(privileges: readonly Privilege[], isGuarded: boolean): string[] {
  if (isGuarded) return [];
  return privileges
    .filter((it) => it.object === "table public.landing_leads")
    .filter((it) => STRANGERS.some((stranger) => stranger === it.role))
    .map((it) => `${tell(it, "may")}, which has no row level security: names and numbers are open`);
}

/** Triggers of others on the leads' table: they run inside our functions, with the owner's rights and search_path. */
async function readTriggers(db: Kysely<unknown>): Promise<string[]> {
  const { rows } = await sql<{ what: string }>`
    select format('trigger %s on public.landing_leads calls %s, which has no search_path of its own: where the roles are applied it must name its tables with their schema',
                  t.tgname, t.tgfoid::regproc) as what
      from pg_trigger as t
      join pg_proc as f on f.oid = t.tgfoid
     where t.tgrelid = to_regclass('public.landing_leads')
       and not t.tgisinternal
       and f.pronamespace is distinct from to_regnamespace('oncebox')
       and not exists (select from unnest(f.proconfig) as c (setting) where c.setting like 'search_path=%')
     order by what`.execute(db);
  return rows.map((it) => it.what);
}
