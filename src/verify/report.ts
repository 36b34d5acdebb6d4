import type { ChannelName } from "../outbox/notification.ts";
import type { Harm } from "./fleet.ts";
import type { Fate, NotificationRow } from "./judge.ts";
import { isKill, type RoundResult } from "./round.ts";
import { isGood, type Proof } from "./verify.ts";

/** One line of the table: what was done, and what became of the messages it was done to. */
export interface Line {
  readonly mode: string;
  readonly channel: ChannelName | "all";
  readonly what: string;
  times: number;
  readonly fates: Record<Fate, number>;
}

export interface Report {
  readonly seed: number;
  readonly repeat: string;
  readonly isGood: boolean;
  readonly seconds: number;
  readonly kills: number;
  readonly committed: number;
  readonly landed: number;
  readonly fates: Readonly<Record<Fate, number>>;
  readonly lines: readonly Line[];
  readonly problems: readonly {
    mode: string;
    kind: string;
    notificationId: string | null;
    what: string;
  }[];
  readonly notQuiet: readonly string[];
  readonly commitsCut: number;
  readonly ownEnds: readonly string[];
  readonly folder: string | null;
}

export function reportOf(proof: Proof, seed: number, repeat: string): Report {
  const { rounds } = proof;
  const sum = (value: (round: RoundResult) => number) =>
    rounds.reduce((total, round) => total + value(round), 0);
  return {
    seed,
    repeat,
    isGood: rounds.every(isGood),
    seconds: Math.round(sum(({ harmMs }) => harmMs) / 1_000),
    kills: sum(({ harms }) => harms.filter(isKill).length),
    committed: sum(({ evidence }) => evidence.people.length),
    landed: sum(({ evidence }) => evidence.landed.length),
    fates: countFates(rounds.flatMap(({ fates }) => [...fates.values()])),
    lines: rounds.flatMap(linesOf),
    problems: rounds.flatMap(({ mode, problems }) => problems.map((it) => ({ mode, ...it }))),
    notQuiet: rounds.filter(({ isQuiet }) => !isQuiet).map(({ mode }) => mode),
    commitsCut: sum(({ cuts }) => cuts),
    ownEnds: rounds.flatMap(({ ownEnds }) => ownEnds),
    folder: proof.folder,
  };
}

function linesOf({ mode, harms, evidence, fates }: RoundResult): Line[] {
  const lines = new Map<string, Line>();
  const rows = new Map(evidence.rows.map((row) => [row.id, row]));
  for (const harm of harms) {
    const met =
      harm.notificationId === null ? heldBy(harm, evidence.rows) : [rows.get(harm.notificationId)];
    const channel = harm.notificationId === null ? "all" : (met[0]?.channel ?? "all");
    const key = `${channel} ${harm.what}`;
    const line = lines.get(key) ?? {
      mode,
      channel,
      what: harm.what,
      times: 0,
      fates: countFates([]),
    };
    lines.set(key, line);
    line.times += 1;
    for (const row of met) {
      const fate = row === undefined ? undefined : fates.get(row.id);
      if (fate !== undefined) line.fates[fate] += 1;
    }
  }
  return [...lines.values()];
}

/** What a worker, or every worker, was at when it was harmed. */
function heldBy({ at, pid }: Harm, rows: readonly NotificationRow[]): NotificationRow[] {
  return rows.filter(({ attempts }) =>
    attempts.some(
      (it) =>
        (pid === null || it.workerPid === pid) &&
        it.startedAt <= at &&
        (it.endedAt === null || it.endedAt >= at),
    ),
  );
}

function countFates(fates: readonly Fate[]): Record<Fate, number> {
  const counts = { sent: 0, refused: 0, cancelled: 0, unknown: 0, duplicate: 0, lost: 0 };
  for (const fate of fates) counts[fate] += 1;
  return counts;
}
