import { Command } from "commander";
import { readConfig, requireDatabaseUrl } from "../config.ts";
import { assertSchemaIsCurrent } from "../db/migrate.ts";
import { applyRoles, readRolesSql } from "../db/roles.ts";
import { ROLES } from "../inspect/privileges.ts";
import { readRoles } from "../inspect/roles.ts";
import { withDatabase } from "./database.ts";

export function migrateRolesCommand(): Command {
  return new Command("roles")
    .description("print the SQL of the roles and their rights, or apply it; harmless to repeat")
    .option("--apply", "run it on the database of DATABASE_URL, in one transaction")
    .option("--json", "for scripts")
    .addHelpText(
      "after",
      `
Examples:
  oncebox migrate roles > roles.sql             read it, run it with a tool of your own
  oncebox migrate roles --apply                 as a superuser, or as who owns the schema and may create roles
  psql -c "create role sender login; grant oncebox_worker to sender"

Once applied, every oncebox migrate up keeps them: what is new has its rights from the start.
See docs/dba.md for who may do what.`,
    )
    .action(async ({ apply, json }: { apply?: true; json?: true }) => {
      if (apply) return await applyAndLook(json === true);
      const text = await readRolesSql();
      console.log(json ? JSON.stringify({ sql: text }) : text.trimEnd());
    });
}

async function applyAndLook(json: boolean): Promise<void> {
  await withDatabase(requireDatabaseUrl(readConfig()), "oncebox migrate", async ({ pool, db }) => {
    await assertSchemaIsCurrent(pool);
    await applyRoles(pool);
    const { differences, remarks } = await readRoles(db);
    if (json) console.log(JSON.stringify({ applied: ROLES, differences, remarks }));
    else console.log(`applied ${ROLES.join(", ")}`);
    if (!json) for (const it of [...differences, ...remarks]) console.error(it);
    if (differences.length > 0) process.exitCode = 1;
  });
}
