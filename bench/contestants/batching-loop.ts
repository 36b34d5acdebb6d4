import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type CopiedTable, IN_FLIGHT, type Peer } from "./contestant.ts";
import { COPIED_PHONE, textFor } from "./lead-table.ts";
import { forEachInFlight, openPost } from "./post.ts";
import { peerProgram } from "./program.ts";

const BATCH = 500;
const POLL_MS = 20;

const TABLE = `
  create table lead (
    id         bigint generated always as identity primary key,
    name       text not null,
    phone      text not null,
    email      text,
    due_at     timestamptz not null,
    state      smallint not null default 0,
    created_at timestamptz not null default now()
  );
  create index lead_new on lead (due_at) where state = 0`;

/** Takes due leads for good: what its process leaves behind when it dies is never sent. */
const TAKE = `
  update lead set state = 1
   where id in (select id from lead where state = 0 and due_at <= now()
                 order by due_at limit ${BATCH} for update skip locked)
  returning id, name, phone`;

const INSERT_ONE = {
  name: "insert_lead",
  text: "insert into lead (name, phone, email, due_at) values ($1, $2, $3, $4)",
};

const copies = (set: CopiedTable["set"]) => [
  { table: "lead", set: { id: "p.id + i", phone: COPIED_PHONE, ...set } },
];

/** What remains when the guarantee is left out: the fastest that one process can be. */
export const batchingLoop: Peer = {
  name: "batching-loop",
  title: "bare batching loop, no guarantee",
  settings: { batch: BATCH, "in flight": IN_FLIGHT, "polls when idle, every ms": POLL_MS },
  async prepare(pool) {
    await pool.query(TABLE);
  },
  async openSender() {
    return {
      async registerOne(client, { name, phone, email, dueAt }) {
        await client.query({ ...INSERT_ONE, values: [name, phone, email, dueAt] });
      },
      async registerMany(client, leads) {
        await client.query(
          `insert into lead (name, phone, email, due_at)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])`,
          [
            leads.map((it) => it.name),
            leads.map((it) => it.phone),
            leads.map((it) => it.email),
            leads.map((it) => it.dueAt),
          ],
        );
      },
      async [Symbol.asyncDispose]() {},
    };
  },
  copies: (dueAt) => copies({ due_at: dueAt }),
  finished: copies({ due_at: "p.due_at - i * interval '1 second'", state: "2" }),
  worker: (place) => peerProgram(batchingLoop.name, place),

  async work({ databaseUrl, gatewayUrl }) {
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
    const { post, close } = openPost(gatewayUrl);
    let isStopping = false;
    const loop = async () => {
      while (!isStopping) {
        const { rows } = await pool.query<{ id: string; name: string; phone: string }>({
          name: "take",
          text: TAKE,
        });
        await forEachInFlight(rows, ({ phone, name }) => post(phone, textFor(name)));
        const ids = rows.map((it) => it.id);
        if (ids.length > 0)
          await pool.query({
            name: "sent",
            text: "update lead set state = 2 where id = any($1::bigint[])",
            values: [ids],
          });
        if (ids.length < BATCH) await sleep(POLL_MS);
      }
    };
    const looping = loop();
    return {
      async stop() {
        isStopping = true;
        await looping;
        await Promise.all([pool.end(), close()]);
      },
    };
  },
};
