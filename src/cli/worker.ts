import { Command } from "commander";
import { readConfig } from "../config.ts";
import { createLogger } from "../log.ts";
import { runWorker, type Worker } from "../worker.ts";
import { onStopSignal } from "./signals.ts";

export function workerCommand(): Command {
  return new Command("worker")
    .description("send what is due; SIGTERM or Ctrl-C drains and exits 0")
    .addHelpText(
      "after",
      `
Example:
  DATABASE_URL=postgres://.. MOBIZON_API_KEY=.. SMTP_URL=smtps://.. MAIL_FROM=info@example.kz oncebox worker

Start as many as you like. A stop waits for sends that are under way, at most ONCEBOX_SEND_TIMEOUT
(60 seconds): give pm2's kill_timeout or systemd's TimeoutStopSec more than that. A second signal
does not cut them short.`,
    )
    .action(async () => {
      const config = readConfig();
      const log = createLogger(config.logLevel);
      let worker: Worker | null = null;
      let isStopping = false;
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
        worker = await runWorker(config, log);
        if (isStopping) void worker.stop();
        await worker.done;
      } finally {
        signals.dispose();
      }
    });
}
