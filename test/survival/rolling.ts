import type { StartWorker, WorkerProcess } from "../support/worker-process.ts";

/**
 * Restarts workers one after the other, as a deploy does: SIGINT, and a new one while it drains.
 *
 * @returns The exit codes; anything but 0 is wrong.
 */
export async function restartOneByOne(
  workers: WorkerProcess[],
  startWorker: StartWorker,
  options: {
    readonly times: number;
    readonly onRestart?: (number: number) => void;
  },
): Promise<(number | string)[]> {
  const ends: (number | string)[] = [];
  for (let number = 1; number <= options.times; number++) {
    const index = number % workers.length;
    const old = workers[index];
    old?.child.kill("SIGINT");
    const [end, successor] = await Promise.all([old?.ended, startWorker()]);
    ends.push(end ?? "none");
    workers[index] = successor;
    options.onRestart?.(number);
  }
  return ends;
}
