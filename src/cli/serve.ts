import type { Command } from "commander";
import { readConfig } from "../config.ts";
import { startServer } from "../http/server.ts";
import { createLogger } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import { readVersion } from "../version.ts";
import { runWorker } from "../worker.ts";
import { onStopSignal } from "./signals.ts";

export function serveCommand(command: Command): Command {
  return command
    .option("--worker", "send what is due, too")
    .addHelpText(
      "after",
      `
Listens on ONCEBOX_HTTP (127.0.0.1:4600). While there is no token, whoever can connect there may do
everything, and any other address is refused. See docs/http.md.

Examples:
  DATABASE_URL=postgres://.. oncebox serve
  ONCEBOX_HTTP=0.0.0.0:4600 ONCEBOX_TOKEN=$(cat token) oncebox serve --worker
  curl -X POST http://127.0.0.1:4600/v1/leads -H 'content-type: application/json' \\
    -H 'idempotency-key: form-8f2c' -d '{"phone": "+7 777 123 45 67"}'`,
    )
    .action(async ({ worker }: { worker?: true }) => await serve(worker === true));
}

async function serve(isWorker: boolean): Promise<void> {
  const config = readConfig();
  const log = createLogger(config.logLevel);
  let stop = () => {};
  const stopping = new Promise<void>((resolve) => {
    stop = resolve;
  });
  // Before anything starts: a worker may be sending already, and a signal then must not cut that short.
  const signals = onStopSignal((signal, isFirst) => {
    if (!isFirst) log.warn({ signal }, "serve:already stopping");
    stop();
  });
  await using parts = new AsyncDisposableStack();
  parts.defer(() => signals.dispose());
  const metrics = createMetrics({ version: readVersion() });
  const server = await startServer({ ...config, metrics }, log);
  parts.defer(() => server.close());
  log.info({ url: server.url }, "serve:started");
  const worker = isWorker ? await runWorker(config, log, { observer: metrics.observer }) : null;
  if (worker !== null) parts.defer(() => worker.stop());
  await Promise.race([stopping, ...(worker === null ? [] : [worker.done])]);
  log.info({}, "serve:stopping");
}
