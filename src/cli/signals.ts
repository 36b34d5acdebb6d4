const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export type StopSignal = (typeof SIGNALS)[number];

/** As a shell counts a death by signal. */
export const EXIT_CODE: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

/** Tells of every SIGINT and SIGTERM until disposed of; while it does, they do not end the process. */
export function onStopSignal(tell: (signal: StopSignal, isFirst: boolean) => void): {
  dispose(): void;
} {
  let isFirst = true;
  const listener = (signal: StopSignal) => {
    tell(signal, isFirst);
    isFirst = false;
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return {
    dispose() {
      for (const signal of SIGNALS) process.off(signal, listener);
    },
  };
}
