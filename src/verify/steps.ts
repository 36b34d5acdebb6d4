import type { ChannelName } from "../outbox/notification.ts";
import type { Random } from "./random.ts";

/**
 * The moments of a send at which a worker is made to die, in their order:
 *
 * - `before claim`     it has the job
 * - `claiming`         the claim is on its way to Postgres, or its answer on the way back
 * - `claimed`          committed; nothing of it has reached the provider
 * - `draft made`       campaign mode: the provider has the draft, Postgres does not know
 * - `keeping draft`    campaign mode: its commit is under way
 * - `draft kept`       campaign mode: committed
 * - `before write`     the last look before the byte that cannot be taken back
 * - `writing`          right after it
 * - `accepted unread`  the provider has taken it and written it down; the answer is not read
 * - `refused unread`   the provider has dropped it; the answer is not read
 * - `answered`         the answer is read, nothing of it is written down
 * - `settling`         the settle is on its way to Postgres, or its answer on the way back
 * - `settled`          committed; graphile-worker's job is not completed
 */
export const STEPS = [
  "before claim",
  "claiming",
  "claimed",
  "draft made",
  "keeping draft",
  "draft kept",
  "before write",
  "writing",
  "accepted unread",
  "refused unread",
  "answered",
  "settling",
  "settled",
] as const;
export type Step = (typeof STEPS)[number];

export type Mode = "campaign" | "message";

const CAMPAIGN_ONLY: ReadonlySet<Step> = new Set(["draft made", "keeping draft", "draft kept"]);
/** Where living on tells more than dying: what it does when it wakes, or has lost its lock, is the question. */
const LIVE_ON_AT: Readonly<Record<"freeze" | "cut", readonly Step[]>> = {
  // Twice where only the clock can tell it that its time is over.
  freeze: ["claimed", "draft made", "draft kept", "before write", "before write", "answered"],
  cut: ["claimed", "draft made", "draft kept", "answered"],
};
const LIVE_ON_SHARE = { freeze: 0.15, cut: 0.1 } as const;

/** What one worker process is to do to itself. */
export interface Arm {
  readonly channel: ChannelName;
  readonly step: Step;
  /** At which passing of the step, from 1. */
  readonly nth: number;
  /** `cut`: all its connections to Postgres, its lock's too, and it stands still for a while. */
  readonly act: "kill" | "freeze" | "cut";
  /** For a step that is a stretch of time: how far into it, in milliseconds. */
  readonly afterMs: number;
}

function stepsOf(channel: ChannelName, mode: Mode): readonly Step[] {
  const isDrafted = channel === "sms" && mode === "campaign";
  return STEPS.filter((it) => isDrafted || !CAMPAIGN_ONLY.has(it));
}

/** Every step of every channel in turn, from a place of chance on, so that a short run misses none. */
export function armory(mode: Mode, random: Random): () => Arm {
  const all = (["sms", "email"] as const).flatMap((channel) =>
    stepsOf(channel, mode).map((step) => ({ channel, step })),
  );
  let left: typeof all = [];
  return () => {
    if (left.length === 0) left = shuffle(all, random);
    const lot = random.next();
    const act =
      lot < LIVE_ON_SHARE.freeze
        ? "freeze"
        : lot < LIVE_ON_SHARE.freeze + LIVE_ON_SHARE.cut
          ? "cut"
          : "kill";
    const drawn =
      act === "kill" ? (left.pop() as (typeof all)[number]) : livingPoint(act, mode, random);
    return {
      ...drawn,
      nth: random.between(1, 4),
      act,
      afterMs: random.between(0, 5),
    };
  };
}

function livingPoint(act: "freeze" | "cut", mode: Mode, random: Random) {
  const channel = random.pick(["sms", "email"] as const);
  const points = LIVE_ON_AT[act].filter((it) => stepsOf(channel, mode).includes(it));
  return { channel, step: random.pick(points) };
}

function shuffle<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, order: random.next() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
