import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readConfig } from "../../src/config.ts";
import { migrate } from "../../src/db/migrate.ts";
import { createLogger } from "../../src/log.ts";
import { startGateways } from "../../src/sandbox/gateways.ts";
import { runWorker } from "../../src/worker.ts";
import { connect } from "../outbox/support/epoch.ts";
import { openPool } from "../support/database.ts";
import { openAddress } from "./time-travel-address.ts";
import { Clusters, findPostgres } from "./time-travel-pair.ts";
import {
  landedOnce,
  promoteOnce,
  type Round,
  settleHeldEmails,
  WANTED,
} from "./time-travel-round.ts";

// Promotes a standby that lacks the last commits, again and again, under one living worker:
//   node test/survival/promotions.ts --times 50

const { values } = parseArgs({ options: { times: { type: "string", default: "50" } } });
const times = Number(values.times);

const bin = findPostgres();
if (bin === null) {
  console.error("no PostgreSQL with pg_basebackup is installed: apt-get install postgresql");
  process.exit(2);
}

await using parts = new AsyncDisposableStack();
const dir = await mkdtemp(join(tmpdir(), "oncebox-promotions-"));
parts.defer(() => rm(dir, { recursive: true, force: true }));
const gateways = parts.use(await startGateways({ dir }));
const clusters = parts.use(new Clusters(bin));
const address = parts.use(await openAddress());

let primary = await clusters.create();
const pool = openPool(primary.urlTo("postgres"));
await migrate(pool);
await pool.end();
address.lead(primary.port);

const url = new URL(primary.urlTo("postgres"));
url.port = String(address.port);
const config = readConfig({
  DATABASE_URL: url.href,
  MOBIZON_API_URL: gateways.mobizonUrl,
  MOBIZON_API_KEY: gateways.mobizonApiKey,
  SMTP_URL: gateways.smtpUrl,
  MAIL_FROM: "ProfTest <info@example.kz>",
});
const worker = await runWorker(config, createLogger("silent"));
parts.defer(() => worker.stop());

const rounds: Round[] = [];
for (let number = 1; number <= times; number++) {
  const made = await promoteOnce(
    { clusters, address, gateways, database: "postgres" },
    primary,
    number,
  );
  primary = made.primary;
  rounds.push(made.round);
  const db = connect(primary.urlTo("postgres"));
  await settleHeldEmails(db.db);
  await db.end();
  console.log(`${isWanted(made.round) ? "ok  " : "FAIL"} ${number} ${JSON.stringify(made.round)}`);
}

const sum = (of: (round: Round) => number) => rounds.reduce((total, it) => total + of(it), 0);
const failed = rounds.filter((it) => !isWanted(it)).length;
const everyoneOnce = await landedOnce(gateways, rounds.length);
console.log(
  `${rounds.length} promotions, ${failed} not as wanted; ${sum((it) => it.lost)} sends lost by the database, ` +
    `${rounds.at(-1)?.duplicateSms ?? 0} duplicate SMS, ${rounds.at(-1)?.duplicateEmails ?? 0} duplicate emails, ` +
    `${sum((it) => it.foundSms)} SMS found at the provider, ${sum((it) => it.heldEmails)} emails held and shown, ` +
    `${sum((it) => it.newSent)} new ones sent; everyone got exactly one of each: ${everyoneOnce}`,
);
process.exitCode = failed === 0 && everyoneOnce ? 0 : 1;

function isWanted(round: Round): boolean {
  return Object.entries(WANTED).every(([name, value]) => round[name as keyof Round] === value);
}
