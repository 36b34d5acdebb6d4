import { randomBytes } from "node:crypto";
import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import { inject } from "vitest";
import { applyRoles } from "../../../src/db/roles.ts";
import { openPool } from "../../support/database.ts";
import { test as base } from "../../support/running.ts";

interface Login {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly db: Kysely<unknown>;
}

interface RoleFixtures {
  /** Applies the roles to the test's database; Supabase's are in the cluster, too. */
  readonly applied: undefined;
  /** Somebody who may log in and is a member of the role. */
  readonly logInAs: (role: string) => Promise<Login>;
}

/** Roles are the cluster's: made once, and left, as other tests beside this one use them. */
export async function makeStrangers(pool: pg.Pool): Promise<void> {
  for (const role of ["anon", "authenticated"]) {
    await pool.query(`create role ${role} nologin`).catch((error: { code?: string }) => {
      if (error.code !== "42710" && error.code !== "23505") throw error;
    });
  }
}

export const test = base.extend<RoleFixtures>({
  applied: async ({ pool }, use) => {
    await makeStrangers(pool);
    await applyRoles(pool);
    await use(undefined);
  },
  logInAs: async ({ databaseUrl }, use) => {
    const server = openPool(inject("serverUrl"));
    const logins: { readonly name: string; readonly pool: pg.Pool }[] = [];
    await use(async (role) => {
      const name = `oncebox_test_${randomBytes(6).toString("hex")}`;
      const password = randomBytes(12).toString("hex");
      await server.query(`create role ${name} login password '${password}' in role ${role}`);
      const url = new URL(databaseUrl);
      url.username = name;
      url.password = password;
      const pool = openPool(url.href);
      logins.push({ name, pool });
      return { url: url.href, pool, db: new Kysely({ dialect: new PostgresDialect({ pool }) }) };
    });
    for (const { name, pool } of logins) {
      await pool.end();
      await server.query(`drop role ${name}`);
    }
    await server.end();
  },
});
