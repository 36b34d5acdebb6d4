import type pg from "pg";
import type { CopiedTable } from "../contestants/contestant.ts";

/**
 * Copies the rows of each table `count` times by plain SQL, with triggers and foreign keys asleep: a backlog of
 * millions in the shape that a registration, or a send, really leaves.
 */
export async function copyRows(
  pool: pg.Pool,
  tables: readonly CopiedTable[],
  count: number,
): Promise<void> {
  await Promise.all(tables.map((it) => copyTable(pool, it, count)));
}

async function copyTable(pool: pg.Pool, { table, set }: CopiedTable, count: number): Promise<void> {
  const client = await pool.connect();
  const columns = await columnsOf(client, table);
  const values = columns.map((it) => set[it] ?? `p.${it}`);
  await client.query("set session_replication_role = replica");
  await client.query(
    `insert into ${table} (${columns.join(", ")}) overriding system value
     select ${values.join(", ")} from ${table} as p, generate_series(1, ${count}) as i`,
  );
  await moveSequences(client, table);
  await client.query("reset session_replication_role");
  client.release();
}

/** Those that are not computed by the table itself. */
async function columnsOf(client: pg.ClientBase, table: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select quote_ident(attname) as name from pg_attribute
      where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
    [table],
  );
  return rows.map((it) => it.name);
}

/** So that what is registered from now on comes after the copies. */
async function moveSequences(client: pg.ClientBase, table: string): Promise<void> {
  const { rows } = await client.query<{ name: string; sequence: string }>(
    `select quote_ident(attname) as name, pg_get_serial_sequence($1, attname) as sequence
       from pg_attribute where attrelid = $1::regclass and attidentity <> ''`,
    [table],
  );
  for (const { name, sequence } of rows)
    await client.query(`select setval($1, (select max(${name}) from ${table}))`, [sequence]);
}
