import { type Kysely, sql } from "kysely";

export interface DatabaseServer {
  /** As `18.4`. */
  readonly version: string;
  readonly database: string;
  /** A standby: it can be read and not written. */
  readonly isStandby: boolean;
}

export async function readServer(db: Kysely<unknown>): Promise<DatabaseServer> {
  const { rows } = await sql<DatabaseServer>`
    select split_part(current_setting('server_version'), ' ', 1) as version, current_database() as database,
           pg_is_in_recovery() as "isStandby"`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new TypeError("the server answered no row");
  return row;
}
