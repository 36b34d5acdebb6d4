import type { Readable } from "node:stream";
import { assertSchemaIsCurrent } from "../../db/migrate.ts";
import { withDatabase } from "../database.ts";
import { EXIT_CODE, onStopSignal, type StopSignal } from "../signals.ts";
import { takeConnection } from "./connection.ts";
import { registerFile } from "./file.ts";
import { type Format, openInput } from "./input.ts";
import type { Defaults } from "./record.ts";
import { createReport, RUN_AGAIN, type Streams } from "./report.ts";

export interface ManySettings {
  readonly file: string;
  readonly format: Format | undefined;
  readonly defaults: Defaults;
  readonly isJson: boolean;
  /** Asked for only when the file can be one of leads. */
  databaseUrl(): string;
}

/** npm hands on a Ctrl-C that the terminal has sent us already: so soon, it is the same one. */
const ECHO_MS = 1_000;

/**
 * Registers a file of leads.
 *
 * @returns The exit code.
 * @throws OnceboxError `ONCEBOX_INPUT_INVALID` - it cannot be a file of leads; nothing was registered.
 * @throws OnceboxError `ONCEBOX_DATABASE_UNREACHABLE` - also midway; what was committed stays.
 */
export async function registerMany(
  { file, format, defaults, isJson, databaseUrl }: ManySettings,
  streams: Streams & { readonly stdin: Readable },
): Promise<number> {
  const startedAt = performance.now();
  const reading = new AbortController();
  const input = await openInput({ file, format, stdin: streams.stdin, signal: reading.signal });
  try {
    return await withDatabase(databaseUrl(), "oncebox register", async ({ pool }) => {
      await assertSchemaIsCurrent(pool);
      await using connection = await takeConnection(pool);
      const report = createReport(streams, { ...input, isJson });
      let stoppedBy: StopSignal | null = null;
      let stoppedAt = 0;
      const signals = onStopSignal((signal, isFirst) => {
        if (isFirst) {
          stoppedBy = signal;
          stoppedAt = performance.now();
          report.note("stopping after the transaction that is under way");
          reading.abort();
        } else if (performance.now() - stoppedAt > ECHO_MS) {
          report.note("stopping at once");
          connection.cut();
        }
      });
      try {
        const result = await registerFile(connection.client, input.records, {
          defaults,
          signal: reading.signal,
          listener: report,
        });
        const seconds = Number(((performance.now() - startedAt) / 1_000).toFixed(1));
        report.ended({ ...result, seconds, signal: stoppedBy });
        if (stoppedBy !== null) return EXIT_CODE[stoppedBy as StopSignal];
        if (result.error !== null) throw connection.explain(result.error, RUN_AGAIN);
        return result.isComplete && result.tally.refused === 0 ? 0 : 1;
      } finally {
        signals.dispose();
      }
    });
  } finally {
    reading.abort(); // a pipe that stays silent would keep the process
  }
}
