import { parseArgs } from "node:util";
import { sql } from "kysely";
import { makeLeads, register, tally } from "../support/leads.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { openDoor } from "./door.ts";
import { letIn, openOtherHost, startFarWorker, whyNoOtherHost } from "./two-hosts.ts";

// A worker's host vanishes from the database without a word, in the middle of its sends, while it can still
// reach the provider:
//   node test/survival/vanished-host.ts --times 3        as root, on Linux, with iproute2

const { values } = parseArgs({ options: { times: { type: "string", default: "3" } } });
const SMS_ONLY = { SMTP_URL: "", MAIL_FROM: "" };
const LEADS = 10;
/** Long enough for all of them to be under way when the link goes. */
const CALL_MS = 4_000;
const WANTED_MS = 20_000;
const DEADLINE_MS = 240_000;

const reason = whyNoOtherHost();
if (reason !== null) {
  console.log(`skipped: ${reason}`);
  process.exit(0);
}
await using stage = await openStage({ listen_addresses: "*" });
const { db, gateways, startWorker } = stage;
await letIn(db);
let failed = 0;
for (let number = 1; number <= Number(values.times); number++) {
  const { freeAfterMs, sentAfterMs, doubled } = await vanishOnce(number);
  const isGood = freeAfterMs <= WANTED_MS && doubled === 0;
  if (!isGood) failed += 1;
  console.log(
    `${isGood ? "ok  " : "FAIL"} ${number}: the lock was free after ${(freeAfterMs / 1_000).toFixed(1)} s, ` +
      `all ${LEADS} SMS were sent after ${(sentAfterMs / 1_000).toFixed(1)} s, ${doubled} twice`,
  );
}
process.exitCode = failed === 0 ? 0 : 1;

async function vanishOnce(number: number) {
  using far = openOtherHost();
  const [toDatabase, toProvider] = far.links;
  const port = Number(new URL(gateways.mobizonUrl).port);
  await using provider = await openDoor(toProvider.here, { host: "127.0.0.1", port });
  const { databaseUrl } = stage;
  const doomed = await startFarWorker(far, startWorker, { databaseUrl, provider }, SMS_ONLY);
  const [started] = doomed.lines.filter((it) => it.msg === "worker:started");
  const workerId = String(started?.workerId);

  await gateways.set({ delayMs: CALL_MS });
  const phones = Array.from(
    { length: LEADS },
    (_, index) => `+7701${number}${String(index).padStart(6, "0")}`,
  );
  await register(
    db,
    makeLeads(LEADS, { email: null }).map((lead, index) => ({
      ...lead,
      phone: phones[index] as string,
      idempotencyKey: `${number}-${index}`,
    })),
  );
  await until("it is at its sends", async () => (await countDrafts()) === LEADS, DEADLINE_MS);
  toDatabase.cut();
  const cutAt = performance.now();
  const other = startWorker(SMS_ONLY);
  await until("its lock is free", async () => !(await isPresent(workerId)), DEADLINE_MS);
  const freeAfterMs = performance.now() - cutAt;
  await gateways.set({ delayMs: 0 });
  await until("all are sent", async () => (await countUnsent()) === 0, DEADLINE_MS);
  const sentAfterMs = performance.now() - cutAt;
  // And when it is back, nobody gets a second one.
  toDatabase.mend();
  await until(
    "it is back",
    () => {
      return doomed.lines.filter((it) => it.msg === "worker:started").length === 2;
    },
    DEADLINE_MS,
  );
  for (const worker of [doomed, await other]) {
    worker.child.kill("SIGTERM");
    await worker.ended;
  }
  const { sms } = await gateways.messages();
  const counts = tally(sms.map((it) => it.to));
  const doubled = phones.filter((it) => counts[it.slice(1)] !== 1).length;
  return { freeAfterMs, sentAfterMs, doubled };
}

/** Whether the worker's lock is held. */
async function isPresent(workerId: string): Promise<boolean> {
  const { rows } = await sql<{ present: boolean }>`
    select exists (
      select from pg_locks as l
        join oncebox.worker as w on (l.classid::bigint << 32) | l.objid::bigint = w.lock_key
       where l.locktype = 'advisory' and w.id = ${workerId}::uuid) as present`.execute(db);
  return rows[0]?.present ?? true;
}

/** Of those under way, whose campaign is on the row: the next call sends them. */
async function countDrafts(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from oncebox.notification
     where state = 'claimed' and message_id is not null`.execute(db);
  return rows[0]?.count ?? Number.NaN;
}

async function countUnsent(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from oncebox.notification where state <> 'sent'`.execute(db);
  return rows[0]?.count ?? Number.NaN;
}
