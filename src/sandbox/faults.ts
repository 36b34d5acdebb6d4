import { createHash } from "node:crypto";

/** What is known of a request. */
type Traits = Readonly<Record<string, string | undefined>>;

/** What a request has to have to meet a fault; nothing means every request. */
type Match = Traits;

/** Asks for a fault on the next requests that match. */
interface FaultRule<Fault> {
  readonly match?: Match | undefined;
  /** How many requests it meets, 1 by default. */
  readonly times?: number | "always" | undefined;
  readonly fault: Fault;
}

/**
 * Asks for faults by chance, and the same ones again for the same seed: what a request meets
 * depends on what it is and how often it came, not on who else was faster.
 */
interface FaultPlan<Fault> {
  readonly seed: number;
  /** From 0, never, to 1, always. */
  readonly rate: number;
  readonly match?: Match | undefined;
  /** Which to draw from; every kind by default. */
  readonly faults?: readonly Fault[] | undefined;
}

export interface FaultBook<Fault> {
  add(wish: FaultRule<Fault> | FaultPlan<Fault>): void;
  clear(): void;
  /**
   * The fault that this request meets, if it is one that `fits`. The rules first, in the order
   * they came, then the plan.
   */
  draw(request: Traits, fits?: (fault: Fault) => boolean): Fault | null;
}

export function faultBook<Fault>(everyKind: readonly Fault[]): FaultBook<Fault> {
  let rules: { readonly rule: FaultRule<Fault>; left: number }[] = [];
  let plan: FaultPlan<Fault> | null = null;
  let seen = new Map<string, number>();

  return {
    add: (wish) => {
      if ("fault" in wish) {
        rules.push({ rule: wish, left: wish.times === "always" ? Infinity : (wish.times ?? 1) });
        return;
      }
      plan = wish;
      seen = new Map();
    },
    clear: () => {
      rules = [];
      plan = null;
    },
    draw: (request, fits = () => true) => {
      const met = rules.find(({ rule }) => fits(rule.fault) && matches(request, rule.match));
      if (met !== undefined) {
        met.left -= 1;
        rules = rules.filter(({ left }) => left > 0);
        return met.rule.fault;
      }
      if (plan === null || !matches(request, plan.match)) return null;
      const what = JSON.stringify(request);
      const nth = (seen.get(what) ?? 0) + 1;
      seen.set(what, nth);
      const drawn = drawByChance(plan, plan.faults ?? everyKind, `${what} ${nth}`);
      return drawn !== null && fits(drawn) ? drawn : null;
    },
  };
}

function matches(request: Traits, match: Match = {}): boolean {
  return Object.entries(match).every(
    ([key, value]) => value === undefined || request[key] === value,
  );
}

function drawByChance<Fault>(
  { seed, rate }: FaultPlan<Fault>,
  faults: readonly Fault[],
  what: string,
): Fault | null {
  const digest = createHash("sha256").update(`${seed} ${what}`).digest();
  const chance = digest.readUInt32BE(0) / 2 ** 32;
  if (chance >= rate) return null;
  return faults[digest.readUInt32BE(4) % faults.length] ?? null;
}
