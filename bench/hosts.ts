/**
 * Two worker hosts, one PostgreSQL, and a standby that streams from it: what does it carry, and what does it cost?
 *
 *   npm run bench:hosts                          all of it, 3 rounds: about 10 minutes
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
import { describeMachine, type Machine } from "./compare/machine.ts";
import { type Cost, measureCost } from "./hosts/cost.ts";
import { type Cut, cutOff } from "./hosts/cut.ts";
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
import { openSite, type Site } from "./hosts/site.ts";
import { askStandby, type StandbyFound } from "./hosts/standby.ts";

const PARTS = ["cost", "drain", "standby", "cut"] as const;
type Part = (typeof PARTS)[number];

/** Null, or none: it was not asked for. */
interface Found {
  readonly machine: Machine;
  readonly cost: Cost | null;
  readonly drains: readonly Drains[];
  readonly standby: StandbyFound | null;
  readonly cut: Cut | null;
}

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
  refuse(`two hosts cannot be made here: ${noHosts} (wanted: Linux, root, iproute2)`);

const found = await measureUntilStopped(bin);
if (found !== null) {
  const { machine, cost, drains, standby, cut } = found;
  console.log(describe(machine, leads, rounds));
  if (cost !== null) console.log(costTable(cost));
  if (drains.length > 0) console.log(drainTable(drains));
  if (standby !== null) console.log(standbyTable(standby));
  if (cut !== null) console.log(cutLine(cut));
  if (values.json) console.log(JSON.stringify({ leads, rounds, ...found }));
}
// What was stopped in the middle goes on waiting.
process.exit(found === null ? 130 : isWell(found) ? 0 : 1);

/** Ctrl-C stops it, and takes hosts, servers and data away. */
async function measureUntilStopped(postgresBin: string): Promise<Found | null> {
  const stopped = new Promise<null>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => resolve(null));
  });
  await using site = await openSite(postgresBin);
  return await Promise.race([measure(site), stopped]);
}

async function measure(site: Site): Promise<Found> {
  const wanted = <T>(part: Part, work: () => Promise<T>) =>
    parts.includes(part) ? doing(part, work) : null;
  const drains: Drains[] = WISHES.map((wish) => ({ wish, drained: [] }));
  const cost = await wanted("cost", () => measureCost(site, 10 * leads));
  for (let round = 1; parts.includes("drain") && round <= rounds; round++)
    for (const { wish, drained } of drains)
      drained.push(await doing(`round ${round}: ${titleOf(wish)}`, () => drain(site, leads, wish)));
  return {
    machine: await describeMachine(site.primary.urlTo("postgres")),
    cost,
    drains: drains.filter((it) => it.drained.length > 0),
    standby: await wanted("standby", () => askStandby(site)),
    cut: await wanted("cut", () => cutOff(site, leads)),
  };
}

function isWell({ drains, standby, cut }: Found): boolean {
  const landed = [...drains.flatMap((it) => it.drained), ...(cut === null ? [] : [cut])];
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
