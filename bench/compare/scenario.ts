import type { Contestant } from "../contestants/contestant.ts";
import type { Arena } from "./arena.ts";

/** How much of everything. */
export interface Sizes {
  /** Leads of a drain. */
  readonly drain: number;
  /** A drain that takes longer is counted as far as it got. */
  readonly drainMs: number;
  /** Leads that are registered at once. */
  readonly bulk: number;
  /** How long single registrations are counted. */
  readonly registerMs: number;
  /** Leads that become due one by one, and over how long. */
  readonly dueOneByOne: number;
  readonly dueOverMs: number;
  /** Of a backlog's rows, this part. */
  readonly backlogShare: number;
  /** How long the memory is watched. */
  readonly memoryMs: number;
  /** Sent while the other transaction is open, before the drain that is measured. */
  readonly sentBefore: number;
  /** Starts of a process, of which the median counts. */
  readonly starts: number;
  readonly soakMs: number;
}

export interface Bench {
  readonly arena: Arena;
  readonly sizes: Sizes;
  /** Shown, and kept with the results. */
  note(text: string): void;
}

/** What a run of one contestant found, by measure with its unit. */
export type Measured = Readonly<Record<string, number>>;

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly isQuick: boolean;
  /** It takes so long that the first round alone has it. */
  readonly isOnce?: true;
  /** By name; left out where it is for all. */
  readonly only?: readonly string[];
  /** What it needs on disk, for its templates and one copy. */
  readonly gigabytes?: number;
  run(bench: Bench, contestant: Contestant): Promise<Measured>;
}

/** The machine itself: what limits everybody, shown beside the contestants of a scenario. */
export interface Limit {
  readonly scenario: string;
  readonly title: string;
  readonly isQuick: boolean;
  run(bench: Bench): Promise<Measured>;
}
