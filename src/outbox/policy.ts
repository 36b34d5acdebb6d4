import type { SendOutcome, Trouble } from "./outcome.ts";

/** Where the notification goes next, and what becomes of its channel. */
export interface Settlement {
  readonly state: "sent" | "failed" | "unknown" | "pending";
  /** For `pending`: how long until the next try, counted by the database from the settle. */
  readonly retryInMs: number | null;
  /** Whether the try is one of those after which a message is given up. */
  readonly counts: boolean;
  /** How long nobody claims on this channel; null = it is well. */
  readonly pauseMs: number | null;
}

/** Waits after the first, second, … failed try of a message; after the last one it is given up: 10 s, 1 min, 10 min, 1 h, 6 h. */
export const RETRY_DELAYS_MS = [10_000, 60_000, 600_000, 3_600_000, 21_600_000] as const;

/**
 * The first pause for each kind of trouble; it doubles with each one in a row, up to the most.
 * Too short costs a needless call to a provider in trouble, too long costs somebody's SMS its punctuality.
 */
const PAUSES_MS: Readonly<Record<Trouble, { readonly first: number; readonly most: number }>> = {
  throttle: { first: 1_000, most: 60_000 },
  outage: { first: 2_000, most: 120_000 },
  setup: { first: 30_000, most: 600_000 },
  balance: { first: 60_000, most: 900_000 },
};

export interface History {
  /** Failed tries of this message so far that count, this one not among them. */
  readonly failures: number;
  /** Pauses in a row that the channel had behind it when the attempt began. */
  readonly pauses: number;
}

/** Decides; does not act. No clock, no database, no randomness: all of it is table-tested. */
export function decide(outcome: SendOutcome, history: History): Settlement {
  switch (outcome.kind) {
    case "accepted":
      return { state: "sent", retryInMs: null, counts: false, pauseMs: null };
    case "rejected":
      return { state: "failed", retryInMs: null, counts: true, pauseMs: null };
    case "unknown":
      return {
        state: "unknown",
        retryInMs: null,
        counts: true,
        pauseMs: pauseMs(outcome.trouble, history, 0),
      };
    case "not_sent": {
      const pause = pauseMs(outcome.trouble, history, outcome.retryAfterMs ?? 0);
      if (pause !== null)
        return { state: "pending", retryInMs: pause, counts: false, pauseMs: pause };
      const delay = RETRY_DELAYS_MS[history.failures];
      if (delay === undefined)
        return { state: "failed", retryInMs: null, counts: true, pauseMs: null };
      return {
        state: "pending",
        retryInMs: Math.max(delay, outcome.retryAfterMs ?? 0),
        counts: true,
        pauseMs: null,
      };
    }
  }
}

function pauseMs(trouble: Trouble | undefined, history: History, atLeastMs: number): number | null {
  if (trouble === undefined) return null;
  const { first, most } = PAUSES_MS[trouble];
  return Math.max(Math.min(first * 2 ** Math.min(history.pauses, 20), most), atLeastMs);
}
