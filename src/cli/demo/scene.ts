import type { Gateways } from "../../sandbox/gateways.ts";

/** How long Mobizon takes for an answer, in life as here: what the old way's race lives on. */
export const ANSWER_MS = 1_500;

/**
 * The rest of the clock is shortened, and not in proportion. A sweep comes more seldom than a send is
 * long, as in life, so that it finds each send under way at most once. A tenth of DELAY_MS would find
 * it three or four times, and show more SMS than anybody got.
 */
export const DELAY_MS = 4_000;
export const SWEEP_EVERY_MS = 2_000;

/** Twenty of these are two sweeps long: how many sends a sweep finds under way is then not up to its phase. */
const REGISTER_EVERY_MS = 200;

export interface Person {
  readonly name: string;
  readonly phone: string;
  /** When the form is sent, counted from the first one's. */
  readonly atMs: number;
}

/** Made up, and none of the numbers that the stand-in treats in a way of their own. */
export const PEOPLE: readonly Person[] = Array.from({ length: 20 }, (_, index) => ({
  name: "Участник",
  phone: `+7777000${String(index + 1).padStart(4, "0")}`,
  atMs: index * REGISTER_EVERY_MS,
}));

/** Just after the last form and just before the first SMS is due: some sends are then under way, others wait. */
export const DEPLOY_AT_MS = PEOPLE.length * REGISTER_EVERY_MS;

/** What both ways are played with. */
export interface Scene {
  /** A database of its own. */
  readonly databaseUrl: string;
  /** With a ledger of its own, empty at first. */
  readonly gateways: Gateways;
  readonly tell: (line: string) => void;
  /** Aborts when the demo is to end early. */
  readonly signal: AbortSignal;
}

/** Like `Promise.all`, but when it throws nothing is under way any more, and all can be taken down. */
export async function allDone(works: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find((it) => it.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
