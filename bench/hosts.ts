/**
 * Two worker hosts, one PostgreSQL, and a standby that streams from it: what does it carry, and what does it cost?
 *
 *   npm run bench:hosts                          all of it, 3 rounds: about 12 minutes
 *   npm run bench:hosts -- --quick               small, one round: 2 minutes
 *   npm run bench:hosts -- --only drain,cut      some of cost, drain, standby, cut
 *   npm run bench:hosts -- --json                the figures as JSON, after the tables
 *
 *   --leads COUNT    of a drain, default 2000; of the cost ten times as many
 *   --rounds COUNT   of the drains, which take turns
 *
 * The hosts are network namespaces, each with a link to the database and one to the gateway, and all of it is on this
 * machine's cores. It takes Linux, root, iproute2 and a PostgreSQL with pg_basebackup. The gateway takes 50 ms for a
 * call, and campaign mode, the default, makes three of them a message.
 *
 * - cost      bytes of write-ahead log and disk a lead: registered, sent, followed to the phone
 * - drain     one host and two; with a standby that nobody waits for, and with one that every commit waits for
 * - standby   what answers there, and what does not
 * - cut       one of two hosts is gone from the network in the middle of a drain
 *
 * Exit 1 when somebody got none or two, a host took no part, or the standby did not agree.
 */
import { parseArgs } from "node:util";
import { findPostgres } from "../test/survival/time-travel-pair.ts";
import { whyNoOtherHost } from "../test/survival/two-hosts.ts";
import { describeMachine } from "./compare/machine.ts";
import { measureCost } from "./hosts/cost.ts";
import { cutOff } from "./hosts/cut.ts";
import { type DrainWish, drain } from "./hosts/drains.ts";
import {
  costTable,
  cutLine,
  type Drains,
  describe,
  drainTable,
  standbyTable,
  titleOf,
} from "./hosts/report.ts";
import { openSite } from "./hosts/site.ts";
import { askStandby } from "./hosts/standby.ts";

const PARTS = ["cost", "drain", "standby", "cut"] as const;
type Part = (typeof PARTS)[number];

/** In threes: each differs in one thing from the line above it. */
const WISHES: readonly DrainWish[] = [
  { hosts: 1, inFlight: 10, isSynchronous: false },
  { hosts: 2, inFlight: 10, isSynchronous: false },
  { hosts: 2, inFlight: 10, isSynchronous: true },
  { hosts: 1, inFlight: 100, isSynchronous: false },
  { hosts: 2, inFlight: 100, isSynchronous: false },
  { hosts: 2, inFlight: 100, isSynchronous: true },
];

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: PARTS.join(",") },
    leads: { type: "string" },
    rounds: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const leads = wholeNumber("leads", values.leads ?? (values.quick ? "500" : "2000"), 100);
const rounds = wholeNumber("rounds", values.rounds ?? (values.quick ? "1" : "3"), 1);
const parts = values.only.split(",") as Part[];
const unknown = parts.find((it) => !PARTS.includes(it));
if (unknown !== undefined) refuse(`no part has the name ${unknown}; there are ${PARTS.join(", ")}`);
const bin = findPostgres();
if (bin === null)
  refuse("no PostgreSQL with pg_basebackup is installed; on Debian: apt-get install postgresql");
const noHosts = whyNoOtherHost();
if (noHosts !== null)
  refuse(`no other hosts can be made here: ${noHosts}; it takes Linux, root and iproute2`);

await using site = await openSite(bin);
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(
    signal,
    () => void Promise.resolve(site[Symbol.asyncDispose]()).finally(() => process.exit(130)),
  );
const machine = await describeMachine(site.primary.urlTo("postgres"));

const cost = parts.includes("cost")
  ? await doing("cost", () => measureCost(site, 10 * leads))
  : null;
const drains: Drains[] = [];
if (parts.includes("drain")) {
  drains.push(...WISHES.map((wish) => ({ wish, drained: [] })));
  for (let round = 1; round <= rounds; round++)
    for (const { wish, drained } of drains)
      drained.push(await doing(`round ${round}: ${titleOf(wish)}`, () => drain(site, leads, wish)));
}
const standby = parts.includes("standby") ? await doing("standby", () => askStandby(site)) : null;
const cut = parts.includes("cut") ? await doing("cut", () => cutOff(site, leads)) : null;

console.log(describe(machine, leads, rounds));
if (cost !== null) console.log(costTable(cost));
if (drains.length > 0) console.log(drainTable(drains));
if (standby !== null) console.log(standbyTable(standby));
if (cut !== null) console.log(cutLine(cut));
if (values.json)
  console.log(JSON.stringify({ machine, leads, rounds, cost, drains, standby, cut }));
process.exitCode = isWell() ? 0 : 1;

function isWell(): boolean {
  const all = drains.flatMap((it) => it.drained);
  const landed = [...all, ...(cut === null ? [] : [cut])];
  return (
    landed.every((it) => it.duplicates === 0 && it.lost === 0) &&
    landed.every((it) => it.byHost.every((count) => count > 0)) &&
    (standby?.disagreements ?? 0) === 0
  );
}

async function doing<T>(what: string, work: () => Promise<T>): Promise<T> {
  console.error(what);
  return await work();
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  return refuse(`--${name}: got ${text}, wanted a whole number from ${least}`);
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
