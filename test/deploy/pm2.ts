import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setInterval } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { Kysely, PostgresDialect, sql } from "kysely";
import { migrate } from "../../src/db/migrate.ts";
import { registerLead } from "../../src/outbox/register.ts";
import { startGateways } from "../../src/sandbox/gateways.ts";
import { startPostgres } from "../../src/sandbox/postgres.ts";
import { openPool } from "../support/database.ts";
import { countStates, phoneOf, tally } from "../support/leads.ts";
import { until } from "../support/until.ts";

// Deploys as a site does it: workers under pm2, registrations going on, sends that take seconds, and
// pm2 restart again and again. Compares what the gateways took with what the database says:
//   npm install --prefix /tmp/pm2 pm2
//   node test/deploy/pm2.ts --pm2 /tmp/pm2/node_modules/.bin/pm2 --restarts 5 --kill-timeout 1600

const { values } = parseArgs({
  options: {
    pm2: { type: "string" },
    restarts: { type: "string", default: "5" },
    /** Milliseconds; without it what docs/deploy/ecosystem.config.cjs says. */
    "kill-timeout": { type: "string" },
  },
});
const { pm2 } = values;
if (pm2 === undefined) throw new TypeError("--pm2 wants the path of pm2");
const restarts = Number(values.restarts);

/** Between two registrations. */
const PACE_MS = 300;
/** Of every answer of Mobizon, three to an SMS, and of the mail server to the final dot. */
const SLOW_MS = { mobizon: 900, smtp: 2_500 };

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { apps } = createRequire(import.meta.url)(join(ROOT, "docs/deploy/ecosystem.config.cjs")) as {
  apps: [Record<string, unknown>];
};

await using parts = new AsyncDisposableStack();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void parts.disposeAsync().finally(() => process.exit(1)));
}
const dir = await mkdtemp(join(tmpdir(), "oncebox-pm2-"));
parts.defer(() => rm(dir, { recursive: true, force: true }));
const postgres = parts.use(await startPostgres());
const gateways = parts.use(await startGateways({ dir, delayMs: SLOW_MS.mobizon }));
await gateways.addEmailFault({
  times: "always",
  fault: { at: "dot", accept: true, answer: "late", delayMs: SLOW_MS.smtp },
});
const pool = openPool(postgres.url);
parts.defer(() => pool.end());
await migrate(pool);
const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });

// The file that users copy, with this clone's code in it.
const killTimeout = Number(values["kill-timeout"] ?? apps[0].kill_timeout);
const app = {
  ...apps[0],
  script: join(ROOT, "src/cli/main.ts"),
  interpreter: process.execPath,
  cwd: dir,
  kill_timeout: killTimeout,
};
const ecosystem = join(dir, "ecosystem.config.json");
await writeFile(ecosystem, JSON.stringify({ apps: [app] }));
const env = {
  ...process.env,
  PM2_HOME: join(dir, "pm2"),
  DATABASE_URL: postgres.url,
  MOBIZON_API_URL: gateways.mobizonUrl,
  MOBIZON_API_KEY: gateways.mobizonApiKey,
  SMTP_URL: gateways.smtpUrl,
  MAIL_FROM: "ProfTest <info@example.kz>",
};
const runPm2 = (...args: string[]) => promisify(execFile)(pm2, args, { env });
parts.defer(async () => void (await runPm2("kill")));
await runPm2("start", ecosystem);
await until("both workers are there", async () => (await startsSoFar()) >= 2);

const deploying = new AbortController();
const registrations = register(deploying.signal);
for (let number = 1; number <= restarts; number++) {
  // In the middle of sends, of both channels.
  await until("sends are under way", async () => (await countStates(db)).claimed);
  const starts = await startsSoFar();
  const startedAt = performance.now();
  await runPm2("restart", "oncebox");
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  await until("both have started again", async () => (await startsSoFar()) >= starts + 2);
  console.log(`restart ${number} took ${seconds} s`);
}
deploying.abort();
const registered = await registrations;
// What stays unknown after this is for a person: an SMS is asked for at Mobizon by then.
await until(
  "every notification is final, or an email in doubt",
  async () => {
    const { rows } = await sql<{ open: number }>`
      select count(*)::integer as open from oncebox.notification
       where state in ('pending', 'claimed') or (state = 'unknown' and channel = 'sms')`.execute(
      db,
    );
    return rows[0]?.open === 0;
  },
  240_000,
);

const states = await countStates(db);
const { rows: doubts } = await sql<{ sms: number; email: number }>`
  select count(*) filter (where n.channel = 'sms')::integer as sms,
         count(*) filter (where n.channel = 'email')::integer as email
    from oncebox.notification as n
   where exists (select from oncebox.attempt as a
                  where a.notification_id = n.id and a.outcome in ('unknown', 'swept') and a.sending_at is not null)`.execute(
  db,
);
const { rows: open } = await sql<{ recipient: string }>`
  select recipient from oncebox.notification where state = 'unknown'`.execute(db);
const shown = new Set(open.map((it) => it.recipient));
const landed = await gateways.messages();
const took = {
  ...tally(landed.sms.map((it) => `+${it.to}`)),
  ...tally(landed.email.flatMap((it) => it.to)),
};
const double = Object.values(took).filter((count) => count > 1).length;
const wanted = registered.flatMap((index) => [phoneOf(index), `lead${index}@example.kz`]);
const lost = wanted.filter((it) => took[it] === undefined && !shown.has(it)).length;
console.log(
  `kill_timeout ${killTimeout} ms: ${restarts} restarts, ${registered.length} leads; ${lost} lost, ${double} double; ` +
    `in doubt for a while: ${doubts[0]?.sms} SMS, ${doubts[0]?.email} emails; unknown at the end, for a person: ${shown.size}; ` +
    `states ${JSON.stringify(states)}`,
);
process.exitCode = lost + double === 0 ? 0 : 1;

/** Every start of a worker signs on. */
async function startsSoFar(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from oncebox.worker`.execute(db);
  return rows[0]?.count ?? 0;
}

/** Leads, due at once, until the last deploy is over; answers their numbers. */
async function register(signal: AbortSignal): Promise<number[]> {
  const done: number[] = [];
  for await (const _ of setInterval(PACE_MS)) {
    if (signal.aborted) break;
    const index = done.length;
    const lead = { phone: phoneOf(index), email: `lead${index}@example.kz`, dueAt: new Date() };
    await db.transaction().execute((tx) => registerLead(tx, lead));
    done.push(index);
  }
  return done;
}
