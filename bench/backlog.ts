/**
 * An outage of the gateway left many due rows: in which order do they go, and do fresh leads wait for them?
 *
 *   node bench/backlog.ts --rows 100000
 *   node bench/backlog.ts --rows 100000 --for 120     looks at the first 120 seconds of the drain
 *
 * The rows were due over the last hour. Two workers with the settings as shipped (message mode, embedded Postgres)
 * meet a gateway that refuses every call for `--outage` seconds (30) and is well from then on, while 5 leads a
 * second come in that are due at once. Those wait for the rest of the pause that the last refusal made, which
 * is seen most in a short look. Exit 1 when a try was used up, somebody got two, or half of the fresh leads
 * waited for more than 10 seconds.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { sql } from "kysely";
import { makeLeads, phoneOf, register, tally } from "../test/support/leads.ts";
import { openStage, type Stage } from "../test/support/stage.ts";
import { percentile, summarize } from "./figures.ts";

const BATCH = 1_000;
const FRESH_EVERY_MS = 200;
const OVER_MS = 3_600_000;
/** Of the gateway, for a call. */
const CALL_MS = 3;
const SEND = "message/sendSmsMessage";
const WANTED_MS = 10_000;

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "100000" },
    outage: { type: "string", default: "30" },
    for: { type: "string", default: "3600" },
  },
});
const rows = Number(values.rows);
/** The fresh ones' numbers begin here. */
const FRESH = 4_500_000;

await using stage = await openStage({ max_connections: "200" });
const { gateways, startWorker } = stage;
await registerBacklog(stage);
await gateways.set({ delayMs: CALL_MS });
await gateways.addSmsFault({
  match: { method: SEND },
  times: "always",
  fault: { accept: false, answer: "code", code: 30 },
});
const asShipped = { MOBIZON_SEND_MODE: "message", LOG_LEVEL: "info" };
await Promise.all([startWorker(asShipped), startWorker(asShipped)]);
const ended = new AbortController();
const coming = freshLeads(stage, ended.signal);
await sleep(Number(values.outage) * 1_000);
const refused = await countCalls(stage);
const wellAt = new Date();
await gateways.clearFaults();

const deadline = performance.now() + Number(values.for) * 1_000;
let left = rows;
while (left > 0 && performance.now() < deadline) {
  await sleep(5_000);
  left = await countLeft(stage);
  console.error(`${left} of ${rows} left`);
}
const drainMs = Date.now() - wellAt.getTime();
ended.abort();
await coming;

const order = await orderOf(stage);
const fresh = await lagsOf(stage, wellAt);
const { sms } = await gateways.messages();
const duplicates = Object.values(tally(sms.map((it) => it.to))).filter((count) => count > 1).length;
const burnt = await burntTries(stage);
console.log(
  `outage of ${values.outage} s: ${refused} calls at the gateway; tries used up: ${[burnt.length, ...burnt].join(", ")}; duplicates: ${duplicates}`,
);
console.log(
  `backlog: ${order.length} of ${rows} sent in ${(drainMs / 1_000).toFixed(0)} s, ` +
    `${Math.round(order.length / (drainMs / 1_000))} a second; places away from the order of due_at: ` +
    `median ${percentile(order, 50)}, p99 ${percentile(order, 99)}, maximum ${percentile(order, 100)}`,
);
console.log(`fresh leads, from due to sent: ${summarize(fresh)}`);
process.exitCode =
  burnt.length === 0 && duplicates === 0 && percentile(fresh, 50) <= WANTED_MS ? 0 : 1;

/** Without those of which the last four digits mean something to the stand-in. */
function numberOf(index: number): string {
  return phoneOf(Math.floor(index / 9_000) * 10_000 + (index % 9_000));
}

async function registerBacklog({ db }: Stage): Promise<void> {
  const now = Date.now();
  for (let first = 0; first < rows; first += BATCH) {
    const leads = makeLeads(Math.min(BATCH, rows - first), { email: null });
    await register(
      db,
      leads.map((lead, index) => ({
        ...lead,
        phone: numberOf(first + index),
        idempotencyKey: `backlog-${first + index}`,
        dueAt: new Date(now - OVER_MS + (OVER_MS * (first + index)) / rows),
      })),
    );
    if (first % (10 * BATCH) === 0) console.error(`${first} of ${rows} registered`);
  }
}

async function freshLeads({ db }: Stage, signal: AbortSignal): Promise<void> {
  for (let number = FRESH; !signal.aborted; number++) {
    const lead = { phone: numberOf(number), idempotencyKey: `fresh-${number}`, email: null };
    await register(db, makeLeads(1, lead));
    await sleep(FRESH_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

async function countCalls({ gateways: { requests } }: Stage): Promise<number> {
  const { counts } = await requests();
  return Object.values(counts[SEND] ?? {}).reduce((sum, count) => sum + count, 0);
}

async function countLeft({ db }: Stage): Promise<number> {
  const { rows: found } = await sql<{ count: number }>`
    select count(*)::integer as count from oncebox.notification
     where state <> 'sent' and recipient < ${numberOf(FRESH)}`.execute(db);
  return found[0]?.count ?? Number.NaN;
}

/**
 * Of each that was sent: how many places its send is away from its place by due_at, as registered (in the order of
 * the ids): a try that was refused has a later one.
 */
async function orderOf({ db }: Stage): Promise<number[]> {
  const { rows: found } = await sql<{ places: number }>`
    with wanted as (
      select settled_at, row_number() over (order by id) as place
        from oncebox.notification where recipient < ${numberOf(FRESH)}
    )
    select abs(place - row_number() over (order by settled_at))::integer as places
      from wanted where settled_at is not null`.execute(db);
  return found.map((it) => it.places);
}

/** Of the fresh ones that came in after the outage; who was not sent yet has waited until now. */
async function lagsOf({ db }: Stage, since: Date): Promise<number[]> {
  const { rows: found } = await sql<{ ms: number }>`
    select (extract(epoch from coalesce(settled_at, now()) - due_at) * 1000)::float8 as ms
      from oncebox.notification where due_at > ${since} and recipient >= ${numberOf(FRESH)}`.execute(
    db,
  );
  return found.map((it) => it.ms);
}

/** The outcome and code of each try that counts, of those after which a message is given up. */
async function burntTries({ db }: Stage): Promise<string[]> {
  const { rows: found } = await sql<{ what: string }>`
    select concat_ws(' ', a.outcome, a.code, a.detail) as what
      from oncebox.notification as n
      join oncebox.attempt as a on a.notification_id = n.id
     where n.failures > 0 and a.outcome <> 'accepted'`.execute(db);
  return found.map((it) => it.what);
}
