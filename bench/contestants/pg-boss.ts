import pg from "pg";
import { type ConstructorOptions, PgBoss } from "pg-boss";
import { type CopiedTable, IN_FLIGHT, type Peer } from "./contestant.ts";
import {
  insertLead,
  insertLeads,
  inTransaction,
  LEAD_COPIES,
  LEAD_TABLE,
  textFor,
} from "./lead-table.ts";
import { forEachInFlight, openPost, type Post } from "./post.ts";
import { peerProgram } from "./program.ts";

const QUEUE = "send_sms";
const BATCH = 500;
const POLL_SECONDS = 0.5;
const POOL = 10;
/** Each takes a batch at a time; a batch of one could not come in bursts. */
const WORKERS = 10;

interface SmsJob {
  readonly data: { readonly leadId: string };
}

const JOB_COPIES: CopiedTable = {
  table: "pgboss.job_common",
  set: {
    id: "gen_random_uuid()",
    data: "jsonb_build_object('leadId', ((p.data->>'leadId')::bigint + i)::text)",
  },
};

/** How the queue is worked on: `register` gives pg-boss the handler. */
function pgBoss(
  about: Pick<Peer, "name" | "title" | "settings">,
  register: (boss: PgBoss, pool: pg.Pool, post: Post) => Promise<unknown>,
): Peer {
  return {
    ...about,
    async prepare(pool, databaseUrl) {
      await pool.query(LEAD_TABLE);
      const boss = open(databaseUrl, { supervise: false });
      await boss.start();
      await boss.createQueue(QUEUE, { notify: true });
      await boss.stop({ graceful: false });
    },
    async openSender(databaseUrl) {
      const boss = open(databaseUrl, { supervise: false, max: 1 });
      await boss.start();
      const on = (client: pg.ClientBase) => ({
        db: { executeSql: (text: string, values?: unknown[]) => client.query(text, values) },
      });
      return {
        registerOne: (client, lead) =>
          inTransaction(client, async () => {
            const leadId = await insertLead(client, lead);
            await boss.send(QUEUE, { leadId }, { startAfter: lead.dueAt, ...on(client) });
          }),
        registerMany: (client, leads) =>
          inTransaction(client, async () => {
            const ids = await insertLeads(client, leads);
            const jobs = ids.map((leadId, index) => ({
              data: { leadId },
              ...(leads[index] && { startAfter: leads[index].dueAt }),
            }));
            await boss.insert(QUEUE, jobs, on(client));
          }),
        [Symbol.asyncDispose]: () => boss.stop({ graceful: false }),
      };
    },
    copies: (dueAt) => [
      LEAD_COPIES,
      { ...JOB_COPIES, set: { ...JOB_COPIES.set, start_after: dueAt } },
    ],
    worker: (place) => peerProgram(about.name, place),

    async work({ databaseUrl, gatewayUrl }) {
      const boss = open(databaseUrl, { useListenNotify: true });
      await boss.start();
      const pool = new pg.Pool({ connectionString: databaseUrl, max: POOL });
      const { post, close } = openPost(gatewayUrl);
      await register(boss, pool, post);
      return {
        async stop() {
          await boss.stop({ graceful: true, timeout: 3_000 });
          await Promise.all([pool.end(), close()]);
        },
      };
    },
  };
}

function open(connectionString: string, more: ConstructorOptions): PgBoss {
  const boss = new PgBoss({ connectionString, max: POOL, schedule: false, ...more });
  boss.on("error", ({ message }) => console.error(message));
  return boss;
}

const POLLING = {
  pollingIntervalSeconds: POLL_SECONDS,
  notifyPollingIntervalSeconds: POLL_SECONDS,
};
const POLLING_SHOWN = {
  "polls every s": POLL_SECONDS,
  "LISTEN/NOTIFY": true,
  pool: `${POOL} + ${POOL}`,
};

/** Each job by itself: looks, sends and writes. */
export const pgBossTuned = pgBoss(
  {
    name: "pg-boss-tuned",
    title: "pg-boss tuned",
    settings: {
      localConcurrency: WORKERS,
      batchSize: IN_FLIGHT / WORKERS,
      burstWhenBatchFull: true,
      ...POLLING_SHOWN,
    },
  },
  (boss, pool, post) => {
    const sendOne = async ({ data: { leadId } }: SmsJob) => {
      const { rows } = await pool.query<{ name: string; phone: string; sms_sent: boolean }>({
        name: "look",
        text: "select name, phone, sms_sent from lead where id = $1",
        values: [leadId],
      });
      const lead = rows[0];
      if (lead === undefined || lead.sms_sent) return;
      await post(lead.phone, textFor(lead.name));
      await pool.query({
        name: "sent",
        text: "update lead set sms_sent = true where id = $1",
        values: [leadId],
      });
    };
    return boss.work(
      QUEUE,
      {
        localConcurrency: WORKERS,
        batchSize: IN_FLIGHT / WORKERS,
        burstWhenBatchFull: true,
        ...POLLING,
      },
      async (jobs: SmsJob[]) => {
        await Promise.all(jobs.map(sendOne));
      },
    );
  },
);

/** A handler of many jobs: one look, the sends side by side, one write. */
export const pgBossBatch = pgBoss(
  {
    name: "pg-boss-batch",
    title: "pg-boss, batch handler",
    settings: {
      batchSize: BATCH,
      burstWhenBatchFull: true,
      "in flight": IN_FLIGHT,
      ...POLLING_SHOWN,
    },
  },
  (boss, pool, post) =>
    boss.work(
      QUEUE,
      { batchSize: BATCH, burstWhenBatchFull: true, ...POLLING },
      async (jobs: SmsJob[]) => {
        const { rows } = await pool.query<{ id: string; name: string; phone: string }>({
          name: "look",
          text: "select id, name, phone from lead where id = any($1::bigint[]) and not sms_sent",
          values: [jobs.map((it) => it.data.leadId)],
        });
        await forEachInFlight(rows, ({ phone, name }) => post(phone, textFor(name)));
        await pool.query({
          name: "sent",
          text: "update lead set sms_sent = true where id = any($1::bigint[])",
          values: [rows.map((it) => it.id)],
        });
      },
    ),
);
