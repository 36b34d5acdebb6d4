import { randomUUID } from "node:crypto";
import {
  DatabaseSetupExporter,
  getDisabledLogger,
  initializeMessageStorage,
  initializePollingMessageListener,
  type PollingListenerConfig,
  type TransactionalMessage,
} from "pg-transactional-outbox";
import { IN_FLIGHT, type Lead, type Peer } from "./contestant.ts";
import {
  COPIED_PHONE,
  insertLead,
  insertLeads,
  inTransaction,
  LEAD_COPIES,
  LEAD_TABLE,
  textFor,
} from "./lead-table.ts";
import { openPost } from "./post.ts";
import { peerProgram } from "./program.ts";

const POLL_MS = 100;
const LOCK_MS = 60_000;

const settings = {
  dbSchema: "public",
  dbTable: "outbox",
  nextMessagesFunctionName: "next_outbox_messages",
  nextMessagesBatchSize: IN_FLIGHT,
  nextMessagesLockInMs: LOCK_MS,
  nextMessagesPollingIntervalInMs: POLL_MS,
  enableMaxAttemptsProtection: false,
  enablePoisonousMessageProtection: false,
};

function configFor(connectionString: string): PollingListenerConfig {
  // A connection for each message under way: it is held, in a transaction, while the SMS is sent.
  const database = { connectionString, max: IN_FLIGHT };
  return {
    outboxOrInbox: "outbox",
    dbListenerConfig: { connectionString },
    dbHandlerConfig: database,
    settings,
  };
}

/** Who is to get what is in the message, so that its handler only sends. */
function messageFor(leadId: string, { phone, name, dueAt }: Lead): TransactionalMessage {
  return {
    id: randomUUID(),
    aggregateType: "lead",
    aggregateId: leadId,
    messageType: "send_sms",
    concurrency: "parallel",
    payload: { phone, text: textFor(name) },
    lockedUntil: dueAt.toISOString(),
  };
}

export const transactionalOutbox: Peer = {
  name: "pg-transactional-outbox",
  title: "pg-transactional-outbox tuned",
  settings: {
    "next messages": IN_FLIGHT,
    "polls every ms": POLL_MS,
    "lock, ms": LOCK_MS,
    concurrency: "parallel",
    "full batches from the start": true,
    "protections against retries and poison": false,
    pool: IN_FLIGHT,
  },
  async prepare(pool) {
    await pool.query(LEAD_TABLE);
    const user = "postgres";
    await pool.query(
      DatabaseSetupExporter.createPollingScript(
        {
          outboxOrInbox: "outbox",
          database: "current",
          schema: settings.dbSchema,
          table: settings.dbTable,
          listenerRole: user,
          nextMessagesName: settings.nextMessagesFunctionName,
        },
        true,
      ),
    );
  },
  async openSender(databaseUrl) {
    const store = initializeMessageStorage(configFor(databaseUrl), getDisabledLogger());
    return {
      registerOne: (client, lead) =>
        inTransaction(client, async () => {
          await store(messageFor(await insertLead(client, lead), lead), client);
        }),
      registerMany: (client, leads) =>
        inTransaction(client, async () => {
          const ids = await insertLeads(client, leads);
          for (const [index, lead] of leads.entries())
            await store(messageFor(ids[index] ?? "", lead), client);
        }),
      async [Symbol.asyncDispose]() {},
    };
  },
  copies: (dueAt) => [
    LEAD_COPIES,
    {
      table: "outbox",
      set: {
        id: "gen_random_uuid()",
        aggregate_id: "((p.aggregate_id)::bigint + i)::text",
        payload: `p.payload || jsonb_build_object('phone', ${COPIED_PHONE})`,
        locked_until: dueAt,
      },
    },
  ],
  worker: (place) => peerProgram(transactionalOutbox.name, place),

  async work({ databaseUrl, gatewayUrl }) {
    const { post, close } = openPost(gatewayUrl);
    const [stop] = initializePollingMessageListener(
      configFor(databaseUrl),
      {
        async handle({ payload }) {
          const { phone, text } = payload as { phone: string; text: string };
          await post(phone, text);
        },
      },
      getDisabledLogger(),
      // Its default begins with one message at a time, as many times as a batch has messages.
      { batchSizeStrategy: async () => IN_FLIGHT },
    );
    return {
      async stop() {
        await stop();
        await close();
      },
    };
  },
};
