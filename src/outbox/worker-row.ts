import { randomBytes, randomUUID } from "node:crypto";
import { type Kysely, sql } from "kysely";

/** A worker's name in the database, made anew at every start and never used again. */
export interface WorkerName {
  readonly id: string;
  /** Of its advisory lock: 63 random bits, as text because a JS number cannot hold them. */
  readonly lockKey: string;
}

export function makeWorkerName(): WorkerName {
  return { id: randomUUID(), lockKey: `${randomBytes(8).readBigUInt64BE() >> 1n}` };
}

/** Makes the worker known; its claims name it. It holds its lock already: without one it would be found gone. */
export async function signOn(
  db: Kysely<unknown>,
  { id, lockKey }: WorkerName,
  version: string,
): Promise<void> {
  await sql`
    insert into oncebox.worker (id, lock_key, pid, version)
    values (${id}::uuid, ${lockKey}::bigint, ${process.pid}, ${version})`.execute(db);
}

/** Adds a name under which graphile-worker takes jobs for it, so that they can be freed if it dies. */
export async function addJobWorker(
  db: Kysely<unknown>,
  workerId: string,
  names: readonly string[],
): Promise<void> {
  await sql`
    update oncebox.worker set job_workers = job_workers || ${names}::text[]
     where id = ${workerId}::uuid`.execute(db);
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
