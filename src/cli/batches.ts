import { EXIT_CODE, onStopSignal, type StopSignal } from "./signals.ts";

/**
 * Works batch by batch until `next` says that there is no more, or a signal comes: then it ends after
 * the batch that is under way, and the process with the signal's exit code.
 *
 * @returns The signal that stopped it; null when all was done.
 */
export async function inBatches(next: () => Promise<boolean>): Promise<StopSignal | null> {
  let stoppedBy: StopSignal | null = null;
  const signals = onStopSignal((signal) => {
    stoppedBy ??= signal;
    process.exitCode = EXIT_CODE[signal];
    console.error("stopping after the transaction that is under way");
  });
  try {
    while (stoppedBy === null && (await next()));
  } finally {
    signals.dispose();
  }
  return stoppedBy;
}
