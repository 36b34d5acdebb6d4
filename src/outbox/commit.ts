import { CODE_OF_SQLSTATE } from "../db/errors.ts";
import { OnceboxError } from "../errors.ts";
import type { LeadRecord } from "./lead.ts";
import { persist } from "./persist.ts";
import { type RecordResult, type Refusal, registerRecords } from "./register.ts";

/** A connection of our own, outside of any transaction. */
interface Client {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[]; command: string }>;
}

/** Where connections come from: pg's `Pool`. */
interface Pool {
  connect(): Promise<Client & { release(destroy?: boolean): void }>;
}

/** Asked in the transaction that registers them: which records, by place, are refused whatever they say. */
export type Judge = (
  tx: Client,
  records: readonly LeadRecord[],
) => Promise<ReadonlyMap<number, Refusal>>;

const PASS: Judge = async () => new Map();

/**
 * Registers records on a connection of its own, and on another one when the first was lost: a commit
 * that nobody answered is decided by registering again. So each record must have an idempotency key.
 *
 * @param forMs - Gives up after so long, with the last error.
 * @throws OnceboxError `ONCEBOX_KEY_IN_USE` - the pool's connections wait for locks only so long, and
 *   another transaction registers the same key just now.
 */
export async function registerSurely(
  pool: Pool,
  records: readonly LeadRecord[],
  forMs: number,
  judge: Judge = PASS,
): Promise<RecordResult[]> {
  return await persist(forMs, async () => {
    const client = await pool.connect();
    let isWell = false;
    try {
      const results = await registerCommitted(client, records, judge);
      isWell = true;
      return results;
    } catch (error) {
      isWell = error instanceof OnceboxError;
      if (!isWaitForRegistration(error)) throw error;
      throw new OnceboxError(
        "ONCEBOX_KEY_IN_USE",
        "another registration with this key or this number is under way",
        { hint: "Ask again in a second: what it registered is answered then.", cause: error },
      );
    } finally {
      client.release(!isWell);
    }
  });
}

/** Not one for a table: a migration holds those for a moment, and is waited for. */
function isWaitForRegistration(error: unknown): boolean {
  const { code, where = "" } = error as { code?: unknown; where?: string };
  return code === LOCK_NOT_AVAILABLE && /\bregistration\b|pg_advisory_xact_lock/.test(where);
}

const LOCK_NOT_AVAILABLE = "55P03";

/**
 * Registers records in one transaction, or in as few as it takes to leave out those that the
 * database refuses for a reason of its own, such as a constraint that an adopted
 * `public.landing_leads` has: one such row must not keep the others out.
 *
 * @returns One result a record, in order; each is committed.
 */
export async function registerCommitted(
  client: Client,
  records: readonly LeadRecord[],
  judge: Judge = PASS,
): Promise<RecordResult[]> {
  try {
    return await inTransaction(client, async () => {
      const refused = await judge(client, records);
      const passed = records.filter((_, index) => !refused.has(index));
      const results = await registerRecords(client, passed, { skipRefused: true });
      return records.map((_, index) => {
        const refusal = refused.get(index);
        if (refusal !== undefined) return { leadId: null, created: null, refusal };
        return results.shift() as RecordResult;
      });
    });
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    if (records.length === 1) return [{ leadId: null, created: null, refusal }];
    const middle = Math.ceil(records.length / 2);
    return [
      ...(await registerCommitted(client, records.slice(0, middle), judge)),
      ...(await registerCommitted(client, records.slice(middle), judge)),
    ];
  }
}

/**
 * When the connection is lost during the commit nobody knows whether it was done, and nobody has
 * to: every record has an idempotency key, so the next run recognises those that were committed
 * and registers those that were not.
 */
async function inTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query("begin");
  try {
    const result = await work();
    const { command } = await client.query("commit");
    // A transaction that failed unheard ends without an error: Postgres says ROLLBACK instead.
    if (command !== "COMMIT") throw new Error(`the commit was answered with ${command}`);
    return result;
  } catch (error) {
    await client.query("rollback").catch(() => {}); // on a lost connection there is nothing to undo
    throw error;
  }
}

/** What the database holds against a record itself; null when the trouble is another. */
function refusalOf(error: unknown): Refusal | null {
  if (error instanceof OnceboxError) {
    const isAboutRecord = Object.values(CODE_OF_SQLSTATE).includes(error.code);
    const { code, message, hint } = error;
    return isAboutRecord ? { code, field: null, message, hint } : null;
  }
  const { code, constraint, column, table } = error as Record<string, string | undefined>;
  // Class 22 wrong data, 23 a constraint, P0 raised by a trigger. The message may quote the row.
  if (code === undefined || !/^(?:22|23|P0)/.test(code)) return null;
  const rule = constraint ?? column;
  const where = rule === undefined ? "" : `: ${table === undefined ? "" : `${table}.`}${rule}`;
  return {
    code,
    field: null,
    message: `the database refuses the record with SQLSTATE ${code}${where}`,
    hint: "A constraint or trigger of your own stands against it; change the record, or the rule.",
  };
}
