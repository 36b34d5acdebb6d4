import { Logger, makeWorkerUtils, type RunnerOptions, run, type Task } from "graphile-worker";
import pg from "pg";
import { type CopiedTable, IN_FLIGHT, type Peer } from "./contestant.ts";
import {
  insertLead,
  insertLeads,
  inTransaction,
  LEAD_COPIES,
  LEAD_TABLE,
  textFor,
} from "./lead-table.ts";
import { openPost, type Post } from "./post.ts";
import { peerProgram } from "./program.ts";

const LOCAL_QUEUE = 500;
const POOL = 10;

/** A job that was added, copied along with its lead; the payload is the lead's id. */
const JOB_COPIES: CopiedTable = {
  table: "graphile_worker._private_jobs",
  set: {
    id: "p.id + i",
    payload: "json_build_object('leadId', ((p.payload->>'leadId')::bigint + i)::text)",
  },
};

const ADD_JOB = {
  name: "add_job",
  text: `select from graphile_worker.add_job('send_sms', json_build_object('leadId', $1::text), run_at => $2)`,
};

function graphileWorker(
  about: Pick<Peer, "name" | "title" | "settings">,
  options: (pool: pg.Pool) => RunnerOptions,
): Peer {
  return {
    ...about,
    async prepare(pool) {
      await pool.query(LEAD_TABLE);
      const utils = await makeWorkerUtils({ pgPool: pool, logger: quiet() });
      await utils.migrate();
      await utils.release();
    },
    async openSender() {
      return {
        registerOne: (client, lead) =>
          inTransaction(client, async () => {
            const id = await insertLead(client, lead);
            await client.query({ ...ADD_JOB, values: [id, lead.dueAt] });
          }),
        registerMany: (client, leads) =>
          inTransaction(client, async () => {
            const ids = await insertLeads(client, leads);
            await client.query(
              `select from graphile_worker.add_jobs(array(
                 select ('send_sms', json_build_object('leadId', id), null, due_at, null, null, null, null)
                          ::graphile_worker.job_spec
                   from unnest($1::text[], $2::timestamptz[]) as t (id, due_at)))`,
              [ids, leads.map((it) => it.dueAt)],
            );
          }),
        async [Symbol.asyncDispose]() {},
      };
    },
    copies: (dueAt) => [LEAD_COPIES, { ...JOB_COPIES, set: { ...JOB_COPIES.set, run_at: dueAt } }],
    worker: (place) => peerProgram(about.name, place),

    async work({ databaseUrl, gatewayUrl }) {
      const pool = new pg.Pool({ connectionString: databaseUrl, max: POOL });
      pool.on("error", () => {});
      const { post, close } = openPost(gatewayUrl);
      const runner = await run({
        pgPool: pool,
        noHandleSignals: true,
        taskList: { send_sms: sendSms(pool, post) },
        ...options(pool),
      });
      return {
        async stop() {
          await runner.stop();
          await Promise.all([pool.end(), close()]);
        },
      };
    },
  };
}

/** Looks, sends and writes: a crash between the last two is a second SMS. */
function sendSms(pool: pg.Pool, post: Post): Task {
  return async (payload) => {
    const { leadId } = payload as { leadId: string };
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
}

function quiet(): Logger {
  return new Logger(() => (level, message) => {
    if (level === "error") console.error(message);
  });
}

export const graphileDefault = graphileWorker(
  { name: "graphile-default", title: "graphile-worker as it comes", settings: { pool: POOL } },
  () => ({}),
);

export const graphileTuned = graphileWorker(
  {
    name: "graphile-tuned",
    title: "graphile-worker tuned",
    settings: {
      concurrentJobs: IN_FLIGHT,
      "localQueue.size": LOCAL_QUEUE,
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
      preparedStatements: true,
      pool: POOL,
      logger: "errors only",
    },
  },
  () => ({
    concurrency: IN_FLIGHT,
    logger: quiet(),
    preset: {
      worker: {
        localQueue: { size: LOCAL_QUEUE },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
        preparedStatements: true,
      },
    },
  }),
);
