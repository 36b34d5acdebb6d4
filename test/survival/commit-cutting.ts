import { type CommitCutter, MOVES, startProxy } from "../../src/verify/proxy.ts";
import { randomOf } from "../../src/verify/random.ts";
import { openPool } from "../support/database.ts";
import type { Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { type Outcome, underLoad } from "./under-load.ts";

/** High enough for thousands of cuts in minutes, low enough for a statement to get through when it is repeated. */
const SHARE = 0.3;
/** Of registrations: where they are repeated, nobody else waits. */
const FRONT_DOOR_SHARE = 0.5;
const WORKERS = 2;

export interface CutResult {
  readonly outcome: Outcome;
  /** How many, by statement and moment. */
  readonly cuts: Readonly<Record<string, number>>;
}

/** Cuts connections around commits, those of registrations too, until there were so many. Nothing else is harmed. */
export async function cutCommits(
  stage: Pick<Stage, "databaseUrl" | "pool" | "gateways" | "startWorker">,
  times: number,
  onProgress: (cuts: number) => void = () => {},
): Promise<CutResult> {
  await using parts = new AsyncDisposableStack();
  const cuts: Record<string, number> = {};
  let sum = 0;
  const open = async (name: string, commits: readonly string[], share: number) =>
    parts.use(
      await startProxy(
        stage.databaseUrl,
        commits,
        share,
        randomOf(times, name),
        ({ statement, moment }) => {
          const what = `${statement.replace(/^oncebox\.|\($/g, "")} ${moment}`;
          cuts[what] = (cuts[what] ?? 0) + 1;
          sum += 1;
        },
      ),
    );

  const front = await open("front door", ["commit"], FRONT_DOOR_SHARE);
  const frontDoor = openPool(front.url);
  parts.defer(() => frontDoor.end());
  const backDoors: CommitCutter[] = [];
  for (let index = 0; index < WORKERS; index++)
    backDoors.push(await open(`worker ${index}`, MOVES, SHARE));
  for (const { url } of backDoors) await stage.startWorker({ DATABASE_URL: url });

  const outcome = await underLoad({ ...stage, frontDoor }, async () => {
    let shown = 0;
    await until(
      "so many were cut",
      () => {
        if (sum >= shown + 100) {
          shown = sum;
          onProgress(sum);
        }
        return sum >= times;
      },
      3_600_000,
    );
    for (const proxy of [front, ...backDoors]) proxy.calm();
  });
  return { outcome, cuts };
}
