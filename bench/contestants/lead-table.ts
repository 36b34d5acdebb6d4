import type pg from "pg";
import type { CopiedTable, Lead } from "./contestant.ts";

/** The application's own table, of those that keep what was sent there. */
export const LEAD_TABLE = `
  create table lead (
    id         bigint generated always as identity primary key,
    name       text not null,
    phone      text not null,
    email      text,
    sms_sent   boolean not null default false,
    created_at timestamptz not null default now()
  )`;

const INSERT_ONE = {
  name: "insert_lead",
  text: "insert into lead (name, phone, email) values ($1, $2, $3) returning id",
};

export async function insertLead(client: pg.ClientBase, lead: Lead): Promise<string> {
  const values = [lead.name, lead.phone, lead.email];
  const { rows } = await client.query<{ id: string }>({ ...INSERT_ONE, values });
  return rows[0]?.id ?? "";
}

/** The rows of many leads; their ids in the same order. */
export async function insertLeads(
  client: pg.ClientBase,
  leads: readonly Lead[],
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `insert into lead (name, phone, email)
     select * from unnest($1::text[], $2::text[], $3::text[]) returning id`,
    [leads.map((it) => it.name), leads.map((it) => it.phone), leads.map((it) => it.email)],
  );
  return rows.map((it) => it.id);
}

export async function inTransaction(
  client: pg.ClientBase,
  work: () => Promise<unknown>,
): Promise<void> {
  await client.query("begin");
  try {
    await work();
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

/** Phones that no lead of a measurement has. */
export const COPIED_PHONE = "'+7702' || lpad((i % 10000000)::text, 7, '0')";

export const LEAD_COPIES: CopiedTable = {
  table: "lead",
  set: { id: "p.id + i", phone: COPIED_PHONE },
};

/** The text of every SMS, about as long as the one that oncebox sends. */
export function textFor(name: string): string {
  return `${name}, ваш результат ProfTest готов: смотрите в письме`;
}
