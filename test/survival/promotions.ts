import { parseArgs } from "node:util";
import { connect } from "../outbox/support/epoch.ts";
import { findPostgres } from "./time-travel-pair.ts";
import {
  landedOnce,
  promoteOnce,
  type Round,
  settleHeldEmails,
  WANTED,
} from "./time-travel-round.ts";
import { openTheatre } from "./time-travel-theatre.ts";

// Promotes a standby that lacks the last commits, again and again, under one living worker:
//   node test/survival/promotions.ts --times 50

const { values } = parseArgs({ options: { times: { type: "string", default: "50" } } });
const times = Number(values.times);

const bin = findPostgres();
if (bin === null) {
  console.error("no PostgreSQL with pg_basebackup is installed: apt-get install postgresql");
  process.exit(2);
}

await using theatre = await openTheatre(bin);
const { stage } = theatre;
let { primary } = theatre;

const rounds: Round[] = [];
for (let number = 1; number <= times; number++) {
  const made = await promoteOnce(stage, primary, number);
  primary = made.primary;
  rounds.push(made.round);
  const db = connect(primary.urlTo("postgres"));
  await settleHeldEmails(db.db);
  await db.end();
  console.log(`${isWanted(made.round) ? "ok  " : "FAIL"} ${number} ${JSON.stringify(made.round)}`);
}

const sum = (of: (round: Round) => number) => rounds.reduce((total, it) => total + of(it), 0);
const failed = rounds.filter((it) => !isWanted(it)).length;
const everyoneOnce = await landedOnce(stage.gateways, rounds.length);
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
