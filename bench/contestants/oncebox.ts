import { migrate } from "../../src/db/migrate.ts";
import { registerLead, registerLeads } from "../../src/index.ts";
import { type Contestant, type CopiedTable, IN_FLIGHT, type Lead } from "./contestant.ts";
import { COPIED_PHONE, inTransaction } from "./lead-table.ts";

/** One as the database counts them, so that what belongs together finds each other. */
const LEAD_ID = "lpad(to_hex(i), 32, '0')::uuid";

/** Of the lead that is copied: by chance, and so above the copies' whether these are there yet or not. */
const PROTOTYPE_ID = "select lead_id from oncebox.registration order by lead_id desc limit 1";

/** The prototype has one notification; wherever its id or its lead's is written, the copy has its own. */
const OWN_IDS = (column: string) =>
  `regexp_replace(
     replace(p.${column}::text, (${PROTOTYPE_ID})::text, (${LEAD_ID})::text),
     '\\m1\\M', (1 + i)::text)`;

const REGISTRATION: CopiedTable = {
  table: "oncebox.registration",
  set: { lead_id: LEAD_ID, idempotency_key: "p.idempotency_key || i" },
};

/** What oncebox calls the application's lead. */
const LEAD: CopiedTable = {
  table: "public.landing_leads",
  set: { id: LEAD_ID, phone: COPIED_PHONE },
};

const NOTIFICATION_SET = { id: "p.id + i", lead_id: LEAD_ID, recipient: COPIED_PHONE };

/** As the files in docs/deploy have it. */
const YOUNG_GENERATION = "--max-semi-space-size=16";

function oncebox(mode: "message" | "campaign"): Contestant {
  return {
    name: mode === "message" ? "oncebox" : "oncebox-campaign",
    title: `oncebox, ${mode} mode`,
    settings: {
      MOBIZON_SEND_MODE: mode,
      ONCEBOX_CONCURRENCY: `${IN_FLIGHT}, its default where one lead comes at a time`,
      LOG_LEVEL: "info",
      node: YOUNG_GENERATION,
    },
    async prepare(pool) {
      await migrate(pool);
    },
    async openSender() {
      return {
        registerOne: (client, lead) =>
          inTransaction(client, () => registerLead(client, withKey(lead))),
        registerMany: (client, leads) =>
          inTransaction(client, () => registerLeads(client, leads.map(withKey))),
        async [Symbol.asyncDispose]() {},
      };
    },
    copies: (dueAt) => [
      {
        table: "graphile_worker._private_jobs",
        set: {
          id: "p.id + i",
          payload: `${OWN_IDS("payload")}::json`,
          key: OWN_IDS("key"),
          run_at: dueAt,
        },
      },
      { table: "oncebox.notification", set: { ...NOTIFICATION_SET, due_at: dueAt } },
      REGISTRATION,
      LEAD,
    ],
    finished: [
      { table: "oncebox.attempt", set: { notification_id: "p.notification_id + i" } },
      {
        table: "oncebox.notification",
        set: {
          ...NOTIFICATION_SET,
          due_at: "p.due_at - i * interval '1 second'",
          settled_at: "p.settled_at - i * interval '1 second'",
          // What became of them is known for long.
          delivery: "'DELIVRD'",
          delivery_look_at: "null",
        },
      },
      REGISTRATION,
      LEAD,
    ],
    async beforeCopying(pool) {
      // A copy of a database that sent something holds what is due: the other one may have sent it.
      await pool.query("update oncebox.setting set system_identifier = null");
    },
    worker: ({ databaseUrl, gatewayUrl, onceboxMain, inFlight }) => ({
      args: [YOUNG_GENERATION, onceboxMain, "worker"],
      env: {
        DATABASE_URL: databaseUrl,
        MOBIZON_API_URL: gatewayUrl,
        MOBIZON_API_KEY: "bench",
        MOBIZON_SEND_MODE: mode,
        ...(inFlight !== null && { ONCEBOX_CONCURRENCY: `${inFlight}` }),
      },
    }),
  };
}

/** As a form's submission has one, so that it can be sent again. */
function withKey(lead: Lead) {
  return { ...lead, idempotencyKey: `form-${lead.phone}` };
}

export const onceboxMessage = oncebox("message");
export const onceboxCampaign = oncebox("campaign");
