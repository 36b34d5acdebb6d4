import type { Kysely } from "kysely";
import type pg from "pg";

/** Where the routes read and write. */
export interface Database {
  readonly pool: pg.Pool;
  /** On the same pool. */
  readonly db: Kysely<unknown>;
}
