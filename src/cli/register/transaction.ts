import type { ClientBase } from "pg";
import { CODE_OF_SQLSTATE } from "../../db/errors.ts";
import { OnceboxError } from "../../errors.ts";
import type { LeadRecord } from "../../outbox/lead.ts";
import { type RecordResult, type Refusal, registerRecords } from "../../outbox/register.ts";

/**
 * Registers records in one transaction, or in as few as it takes to leave out those that the
 * database refuses for a reason of its own, such as a constraint that an adopted
 * `public.landing_leads` has: one such row must not keep the others out.
 *
 * @returns One result a record, in order; each is committed.
 */
export async function registerCommitted(
  client: ClientBase,
  records: readonly LeadRecord[],
): Promise<RecordResult[]> {
  try {
    return await inTransaction(client, () =>
      registerRecords(client, records, { skipRefused: true }),
    );
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    if (records.length === 1) return [{ leadId: null, created: null, refusal }];
    const middle = Math.ceil(records.length / 2);
    return [
      ...(await registerCommitted(client, records.slice(0, middle))),
      ...(await registerCommitted(client, records.slice(middle))),
    ];
  }
}

/**
 * When the connection is lost during the commit nobody knows whether it was done, and nobody has
 * to: every record has an idempotency key, so the next run recognises those that were committed
 * and registers those that were not.
 */
async function inTransaction<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
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
