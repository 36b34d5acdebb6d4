import { Kysely, PostgresDialect, sql } from "kysely";
import { openPool } from "../../support/database.ts";

/** Makes the database believe that it was written as another one: what a promotion or a restore looks like. */
export async function travel(
  db: Kysely<unknown>,
  what: "system_identifier" | "timeline" | "database" = "timeline",
  was = "00000063",
): Promise<void> {
  await sql`
    update oncebox.setting
       set (system_identifier, timeline, database) =
           (select e.system_identifier, e.timeline, e.database from oncebox.epoch() as e)`.execute(
    db,
  );
  await sql`update oncebox.setting set ${sql.id(what)} = ${was}`.execute(db);
}

export interface Connection {
  readonly db: Kysely<unknown>;
  end(): Promise<void>;
}

/** Kysely on a pool of its own. */
export function connect(databaseUrl: string): Connection {
  const pool = openPool(databaseUrl);
  return {
    db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }),
    end: () => pool.end(),
  };
}
