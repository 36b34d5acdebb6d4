import { CompiledQuery } from "kysely";

/** An unusable type whose name is the advice: hover over the error to read it. */
interface TypeMessage<Text extends string> {
  readonly __message: Text;
}

/**
 * A pg client that holds the caller's open transaction: a `Client`, a `PoolClient`, or anything
 * with their `query`; for another library one line makes it: `{ query: (text, values) => .. }`.
 * A pool is refused at compile time, because each of its queries may run outside the transaction.
 */
export interface PgTransaction {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
  readonly totalCount?: TypeMessage<"pass the client that holds the transaction, not the pool">;
}

/** A Kysely transaction, as `db.transaction().execute(async (tx) => ..)` hands it out. */
export interface KyselyTransaction {
  readonly isTransaction: boolean;
  executeQuery(query: CompiledQuery): Promise<{ rows: unknown[] }>;
}

/** What registers inside the caller's own transaction. */
export type Transaction = PgTransaction | KyselyTransaction;

/** Runs one statement in the caller's transaction, whichever library holds it. */
export async function runIn(tx: Transaction, text: string, values: unknown[]): Promise<unknown[]> {
  if ("executeQuery" in tx) {
    if (!tx.isTransaction) {
      throw new TypeError(
        "expected a Kysely transaction, got a Kysely instance: use db.transaction().execute(..)",
      );
    }
    return (await tx.executeQuery(CompiledQuery.raw(text, values))).rows;
  }
  if ("totalCount" in tx) {
    throw new TypeError(
      "expected the client that holds the transaction, got a pool: use pool.connect()",
    );
  }
  return (await tx.query(text, values)).rows;
}
