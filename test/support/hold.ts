import type pg from "pg";

/** Holds what a statement locks, in a transaction of its own, until it is let go of. */
export async function hold(pool: pg.Pool, statement: string) {
  const client = await pool.connect();
  await client.query("begin");
  await client.query(statement);
  let isHeld = true;
  const letGo = async () => {
    if (!isHeld) return;
    isHeld = false;
    await client.query("rollback");
    client.release();
  };
  return { letGo, [Symbol.asyncDispose]: letGo };
}
