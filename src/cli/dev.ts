import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Command } from "commander";
import { type Config, DEFAULT_HTTP, readConfig } from "../config.ts";
import { migrate } from "../db/migrate.ts";
import { type Server, startServer } from "../http/server.ts";
import type { Landings } from "../http/ui/sandbox.ts";
import { createLogger, type Logger } from "../log.ts";
import { createMetrics, type Metrics } from "../metrics.ts";
import { type Gateways, startGateways } from "../sandbox/gateways.ts";
import { type SandboxPostgres, startPostgres } from "../sandbox/postgres.ts";
import { readVersion } from "../version.ts";
import { runWorker } from "../worker.ts";
import { withDatabase } from "./database.ts";
import { describeMessage } from "./landed.ts";
import { landingsOf } from "./landings.ts";
import { onStopSignal } from "./signals.ts";

/** Long enough to see a lead wait, short enough to wait for it. */
const DEFAULTS = { LOG_LEVEL: "warn", ONCEBOX_DELAY: "5 seconds" };

export function devCommand(command: Command): Command {
  return command
    .option("--data <folder>", "where Postgres and the stand-ins keep what they know", ".oncebox")
    .addHelpText(
      "after",
      `
Nothing needs to be set up. DATABASE_URL, MOBIZON_API_KEY and SMTP_URL replace the stand-ins by the
real thing, one by one. Ctrl-C stops it all; the next run goes on with the same data.

Example:
  oncebox dev                     everything here
  ONCEBOX_DELAY="1 minute" oncebox dev`,
    )
    .action(async ({ data }: { data: string }) => await runDev(data));
}

async function runDev(folder: string): Promise<void> {
  const given = readConfig(DEFAULTS);
  await using parts = new AsyncDisposableStack();
  let stop: (() => void) | undefined;
  const stopping = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const signals = onStopSignal((_signal, isFirst) => {
    console.log(isFirst ? "\nstopping: what is in flight finishes" : "still stopping");
    stop?.();
  });
  parts.defer(() => signals.dispose());

  const postgres =
    given.databaseUrl === null ? await startPostgres({ dataDir: join(folder, "postgres") }) : null;
  if (postgres !== null) parts.use(postgres);
  const gateways =
    given.mobizon === null || given.smtp === null
      ? await startGateways({ dir: join(folder, "gateways") })
      : null;
  if (gateways !== null) parts.defer(() => gateways.close());
  gateways?.onMessage((message) => console.log(describeMessage(message)));

  const config = readConfig({ ...DEFAULTS, ...sandboxSettings(given, postgres, gateways) });
  const databaseUrl = config.databaseUrl as string;
  await withDatabase(databaseUrl, "oncebox dev", ({ pool }) => migrate(pool));
  const log = createLogger(config.logLevel);
  const metrics = createMetrics({ version: readVersion() });
  const landings = gateways === null ? null : landingsOf(gateways);
  const server = await serve(config, { metrics, landings }, log);
  parts.defer(() => server.close());
  const [secret] = config.webhookSecrets;
  if (gateways !== null && given.mobizon === null && secret !== undefined) {
    await gateways.set({ webhook: { url: `${server.url}/webhooks/mobizon`, secret } });
  }
  const worker = await runWorker(config, log, { observer: metrics.observer });
  parts.defer(() => worker.stop());
  console.log(welcome({ given, config, databaseUrl, gateways, dashboardUrl: server.url }));

  await Promise.race([stopping, worker.done]);
}

/** On the usual port, or where nothing listens yet. */
async function serve(
  config: Config,
  parts: { readonly metrics: Metrics; readonly landings: Landings | null },
  log: Logger,
): Promise<Server> {
  try {
    return await startServer({ ...config, ...parts }, log);
  } catch (error) {
    const isTaken = error instanceof Error && /\(EADDRINUSE\)/.test(error.message);
    if (!isTaken || config.http.port !== DEFAULT_HTTP.port) throw error;
    return await startServer({ ...config, http: { ...config.http, port: 0 }, ...parts }, log);
  }
}

/** The stand-ins' addresses, for those that no real address replaces. */
function sandboxSettings(
  given: Config,
  postgres: SandboxPostgres | null,
  gateways: Gateways | null,
): Record<string, string> {
  return {
    ...(postgres !== null && { DATABASE_URL: postgres.url }),
    ...(gateways !== null &&
      given.mobizon === null && {
        MOBIZON_API_URL: gateways.mobizonUrl,
        MOBIZON_API_KEY: gateways.mobizonApiKey,
        MOBIZON_WEBHOOK_SECRET: randomBytes(32).toString("hex"),
      }),
    ...(gateways !== null &&
      given.smtp === null && {
        SMTP_URL: gateways.smtpUrl,
        MAIL_FROM: "ProfTest <proftest@example.kz>",
      }),
  };
}

interface Running {
  readonly given: Config;
  readonly config: Config;
  readonly databaseUrl: string;
  readonly gateways: Gateways | null;
  readonly dashboardUrl: string;
}

function welcome({ given, config, databaseUrl, gateways, dashboardUrl }: Running): string {
  const command = import.meta.url.endsWith(".ts") ? "npm run -s oncebox --" : "npx oncebox";
  const lead = { name: "Айгерим", phone: "+7 777 123 45 67", email: "a@example.kz" };
  return `
Dashboard  ${dashboardUrl}

Postgres   ${given.databaseUrl === null ? databaseUrl : "yours (DATABASE_URL)"}
Mobizon    ${given.mobizon === null ? `stand-in at ${gateways?.mobizonUrl}` : "the real one: SMS are sent and paid for"}
SMTP       ${given.smtp === null ? `stand-in at ${gateways?.smtpUrl}` : "the real one: email is sent"}
Worker     running; what comes in is sent after ${config.delay}

Register a lead on the dashboard, or in another terminal:

  DATABASE_URL='${databaseUrl}' \\
  ${command} register --name ${lead.name} --phone '${lead.phone}' --email ${lead.email}

  curl ${dashboardUrl}/v1/leads -H 'content-type: application/json' \\
    -d '{"name": "${lead.name}", "phone": "${lead.phone}", "email": "${lead.email}"}'

  psql '${databaseUrl}' \\
    -c "select * from oncebox.register_lead(name => '${lead.name}', phone => '${lead.phone}', email => '${lead.email}')"

What lands at the stand-ins is shown here. Ctrl-C stops everything and keeps the data.
`;
}
