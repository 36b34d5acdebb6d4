import { type Kysely, sql } from "kysely";

/** Makes the worker known under a name of its own, never used again; its claims name it. */
export async function signOn(
  db: Kysely<unknown>,
  workerId: string,
  version: string,
): Promise<void> {
  await sql`insert into oncebox.worker (id, pid, version) values (${workerId}::uuid, ${process.pid}, ${version})`.execute(
    db,
  );
}

export async function signOff(db: Kysely<unknown>, workerId: string): Promise<void> {
  await sql`update oncebox.worker set stopped_at = clock_timestamp() where id = ${workerId}::uuid`.execute(
    db,
  );
}

/**
 * Writes the delay from registration to the first send, as Postgres reads an interval. It lives in
 * the database so that a registration in any language knows it.
 */
export async function setDelay(db: Kysely<unknown>, delay: string): Promise<void> {
  await sql`update oncebox.setting set delay = ${delay}::interval where delay <> ${delay}::interval`.execute(
    db,
  );
}
