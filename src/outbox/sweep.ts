import { type Kysely, sql } from "kysely";

export interface Swept {
  /**
   * - `gone`       a worker's lock was found free
   * - `unknown`, `pending`  a claim of a gone worker, or one whose lease ran out, went there
   * - `set_aside`  the third worker in a row died with it: a person has to look
   * - `sent`       in doubt, and an earlier attempt was accepted after all
   * - `woken`      a due row had no job
   * - `travelled`  this is another database, or an older one, than it was: what is due is held
   */
  readonly action: "gone" | "unknown" | "pending" | "set_aside" | "sent" | "woken" | "travelled";
  /** The notification's id; for `gone` the worker's, for `travelled` how many were held. */
  readonly subject: string;
}

/** Puts right what a crash left behind; harmless to call as often as one likes. See `sql/functions/sweep.sql`. */
export async function sweep(db: Kysely<unknown>): Promise<Swept[]> {
  const { rows } = await sql<Swept>`select action, subject from oncebox.sweep()`.execute(db);
  return rows;
}
