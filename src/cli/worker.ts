import type { Command } from "commander";
import { type Config, readConfig } from "../config.ts";
import { createLogger, type Logger } from "../log.ts";
import type { Seams } from "../shift.ts";
import { runWorker, type Worker } from "../worker.ts";
import { onStopSignal } from "./signals.ts";

export function workerCommand(command: Command): Command {
  return command
    .addHelpText(
      "after",
      `
Example:
  DATABASE_URL=postgres://.. MOBIZON_API_KEY=.. SMTP_URL=smtps://.. MAIL_FROM=info@example.kz oncebox worker

Start as many as you like. A stop waits for sends that are under way, at most ONCEBOX_SEND_TIMEOUT
(60 seconds): give pm2's kill_timeout or systemd's TimeoutStopSec more than that. A second signal
does not cut them short.

With ONCEBOX_METRICS=127.0.0.1:9464 it serves /metrics for Prometheus, and /healthz.`,
    )
    .action(async () => {
      const config = readConfig();
      const log = createLogger(config.logLevel);
      let worker: Worker | null = null;
      let isStopping = false;
      await using watched = new AsyncDisposableStack();
      // Before it starts: it sends before its start is over, and a signal then must not cut that short.
      const signals = onStopSignal((signal, isFirst) => {
        isStopping = true;
        if (isFirst) void worker?.stop();
        else
          log.warn(
            { signal },
            "worker:already stopping, a send that is under way is not cut short",
          );
      });
      try {
        worker = await runWorker(config, log, await seamsOf(config, log, watched));
        if (isStopping) void worker.stop();
        await worker.done;
      } finally {
        signals.dispose();
      }
    });
}

/** Before the worker starts: a port that is taken is known before anything is sent. */
async function seamsOf(
  config: Config,
  log: Logger,
  opened: AsyncDisposableStack,
): Promise<Pick<Seams, "observer">> {
  if (config.metrics === null) return {};
  // Not loaded for the others, whose first send would wait for it.
  const { serveMetrics } = await import("./worker/metrics.ts");
  return await serveMetrics(config.metrics, config, log, opened);
}
