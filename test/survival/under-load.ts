import type pg from "pg";
import type { Gateways } from "../../src/sandbox/gateways.ts";
import { collect } from "../../src/verify/evidence.ts";
import { judge } from "../../src/verify/judge.ts";
import { registerPeople } from "../../src/verify/people.ts";
import { randomOf } from "../../src/verify/random.ts";
import { untilQuiet } from "../../src/verify/triggers.ts";

/** What became of the messages of all who registered, both sides compared. */
export interface Outcome {
  readonly registrations: number;
  readonly messages: number;
  readonly sent: number;
  readonly unknown: number;
  readonly duplicates: number;
  readonly lost: number;
  /** What the crash proof finds wrong, in words; what counts as duplicate or lost is among it. */
  readonly problems: readonly string[];
  readonly isQuiet: boolean;
}

export interface Load {
  readonly pool: pg.Pool;
  readonly gateways: Gateways;
  /** Where people register; by default the same. */
  readonly frontDoor?: pg.Pool;
  readonly seed?: number;
  readonly quietWithinMs?: number;
}

/**
 * People register all the time, for an SMS and an email each, while the harm goes on. Then it waits until all is
 * at rest, and judges as the crash proof does, except that nothing is an excuse for a doubt.
 */
export async function underLoad(load: Load, harm: () => Promise<void>): Promise<Outcome> {
  const { pool, gateways, frontDoor = pool, seed = 1, quietWithinMs = 120_000 } = load;
  const people = registerPeople(frontDoor, randomOf(seed, "people"));
  try {
    await harm();
  } finally {
    await people.stop();
  }
  const isQuiet = await untilQuiet(pool, quietWithinMs);
  const evidence = await collect(pool, gateways, people);
  const { fates, problems } = judge(evidence, []);
  const count = (fate: string) => [...fates.values()].filter((it) => it === fate).length;
  return {
    registrations: evidence.people.length,
    messages: evidence.rows.length,
    sent: count("sent"),
    unknown: count("unknown"),
    duplicates: count("duplicate"),
    lost: count("lost"),
    problems: problems.map((it) => `${it.kind} ${it.notificationId ?? ""} ${it.what}`),
    isQuiet,
  };
}

/** Everyone got one of each, and nothing is in doubt. */
export function isFlawless({ messages, sent, problems, isQuiet }: Outcome): boolean {
  return isQuiet && problems.length === 0 && sent === messages;
}

/** In one line, with what is wrong beneath it. */
export function inWords(outcome: Outcome): string {
  const { problems, isQuiet, ...counts } = outcome;
  const words = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  return [`${words.join(", ")}${isQuiet ? "" : ", not at rest in time"}`, ...problems].join("\n  ");
}

/** Every provider takes so long for an answer. */
export async function slowDown(gateways: Gateways, delayMs: number): Promise<void> {
  await gateways.set({ delayMs });
  await gateways.addEmailFault({
    times: "always",
    fault: { at: "dot", accept: true, answer: "late", delayMs },
  });
}
