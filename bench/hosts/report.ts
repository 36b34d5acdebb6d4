import Table from "cli-table3";
import type { Machine } from "../compare/machine.ts";
import { spreadOf } from "../compare/samples.ts";
import type { Cost } from "./cost.ts";
import type { Cut } from "./cut.ts";
import type { Drained, DrainWish } from "./drains.ts";
import type { StandbyFound } from "./standby.ts";

/** One drain a round. */
export interface Drains {
  readonly wish: DrainWish;
  readonly drained: Drained[];
}

export function describe(machine: Machine, leads: number, rounds: number): string {
  const { cores, processor, memoryGigabytes, postgres, node } = machine;
  return (
    `${cores} cores (${processor}), ${memoryGigabytes} GB, PostgreSQL ${postgres}, Node ${node}; ` +
    `${leads} leads a drain, ${rounds} ${rounds === 1 ? "round" : "rounds"}\n`
  );
}

export function titleOf({ hosts, inFlight, isSynchronous }: DrainWish): string {
  const what = `${hosts} ${hosts === 1 ? "host" : "hosts"}, ${inFlight} in flight each`;
  return isSynchronous ? `${what}, commits wait for the standby` : what;
}

export function costTable({ leads, walBytes, diskBytes, databaseBytes }: Cost): string {
  const table = plainTable([`bytes a lead, of ${leads} with an SMS each`, ""]);
  const lines = {
    ...prefixed("write-ahead log, ", walBytes),
    ...prefixed("disk, ", diskBytes),
    "disk, the whole database": databaseBytes,
  };
  table.push(...Object.entries(lines).map(([name, bytes]) => [name, Math.round(bytes)]));
  return `${table}\n`;
}

/** In threes: of each the second and the third line as a ratio to the one above, taken round by round. */
export function drainTable(drains: readonly Drains[]): string {
  const table = plainTable([
    ...["", "messages/s", "times the line above", "by host", "got two", "got none"],
    ...["primary's processor, ms a message", "standby behind, ms: median", "p99", "KB at most"],
    "looks it answered",
  ]);
  for (const [index, { wish, drained }] of drains.entries()) {
    const above = index % 3 === 0 ? [] : (drains[index - 1]?.drained ?? []);
    const ratios = above.map((it, round) => (drained[round]?.perSecond ?? 0) / it.perSecond);
    const sum = (of: (it: Drained) => number) => drained.reduce((total, it) => total + of(it), 0);
    const each = (of: (it: Drained) => number, digits: number) => spread(drained.map(of), digits);
    const byHost = Array.from({ length: wish.hosts }, (_, host) =>
      sum((it) => it.byHost[host] ?? 0),
    );
    table.push([
      titleOf(wish),
      each((it) => it.perSecond, 0),
      spread(ratios, 2),
      byHost.join(" + "),
      sum((it) => it.duplicates),
      sum((it) => it.lost),
      each((it) => it.primaryMs, 2),
      each((it) => it.lag.medianMs, 1),
      each((it) => it.lag.p99Ms, 1),
      each((it) => it.lag.mostBytes / 1_024, 0),
      `${sum((it) => it.lag.answered)} of ${sum((it) => it.lag.samples)}`,
    ]);
  }
  return `${table}\n`;
}

export function standbyTable(found: StandbyFound): string {
  const table = plainTable([`on the standby, where ${found.views} views answer`, ""]);
  table.push(...Object.entries(found.refused));
  table.push(...Object.entries(prefixed("oncebox ", found.commands)));
  const { onPrimary, onStandby } = found.workersAlive;
  return (
    `${table}\nworkers_alive: ${onPrimary} on the primary, ${onStandby} on the standby; ` +
    `notifications that differ: ${found.disagreements}\n`
  );
}

export function cutLine(it: Cut): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  return (
    `one host cut off when ${it.sentBefore} of ${it.leads} were sent and it held ${it.held}: its lock was free after ` +
    `${seconds(it.freeAfterMs)}, all were sent after ${seconds(it.sentAfterMs)}; by host ${it.byHost.join(" + ")}; ` +
    `${it.duplicates} got two, ${it.lost} none\n`
  );
}

function prefixed<T>(prefix: string, values: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, it]) => [`${prefix}${name}`, it]));
}

/** The median, with the least and the most where there are several. */
function spread(values: readonly number[], digits: number): string {
  const found = spreadOf(values);
  if (found === null) return "";
  const [middle, least, most] = [found.median, found.minimum, found.maximum].map((it) =>
    it.toFixed(digits),
  );
  return least === most ? `${middle}` : `${middle} (${least} to ${most})`;
}

function plainTable(head: string[]): Table.Table {
  return new Table({ head, style: { head: [], border: [], compact: true } });
}
