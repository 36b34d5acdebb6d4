import { readFile } from "node:fs/promises";
import type pg from "pg";
import { fromPostgres } from "./errors.ts";

const ROLES_SQL = new URL("../../sql/roles.sql", import.meta.url);

/** Any number, the same in every version: whoever holds it is applying the roles. */
const ROLES_LOCK = 4_600_146_002;

/** What `applyRoles` would run, for a person to read or to run with their own tool. */
export async function readRolesSql(): Promise<string> {
  return `begin;\n\n${await readFile(ROLES_SQL, "utf8")}\ncommit;\n`;
}

/**
 * Makes the roles where they are missing, and gives each of them exactly its rights in this database.
 * Harmless to repeat.
 *
 * @param pool - Of a superuser, or of a role that may create roles and owns schema oncebox and
 *   `public.landing_leads`. A table that is busy for over two seconds is an error (55P03); nothing
 *   was changed then, and it may be run again.
 */
export async function applyRoles(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query("set local lock_timeout = '2s'");
    await client.query("select pg_advisory_xact_lock($1)", [ROLES_LOCK]);
    await client.query(await readFile(ROLES_SQL, "utf8"));
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw fromPostgres(error);
  } finally {
    client.release();
  }
}

/**
 * Whether the roles are in use here: then what a migration made or replaced gets its owner and its rights
 * in the same transaction, before anybody sees it.
 */
export async function areRolesApplied(pool: pg.Pool | pg.PoolClient): Promise<boolean> {
  const { rows } = await pool.query<{ areApplied: boolean }>(
    `select exists (
       select
         from pg_namespace as s
        cross join aclexplode(s.nspacl) as granted
         join pg_roles as r on r.oid = granted.grantee
        where s.nspname = 'oncebox' and r.rolname = 'oncebox_worker') as "areApplied"`,
  );
  return rows[0]?.areApplied ?? false;
}
