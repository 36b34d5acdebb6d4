import { randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";
import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import { type FastifyInstance, type FastifyPluginAsync, fastify } from "fastify";
import { serializerCompiler } from "fastify-type-provider-zod";
import { Kysely, PostgresDialect } from "kysely";
import { type HttpConfig, requireDatabaseUrl } from "../config.ts";
import { assertSchemaIsCurrent } from "../db/migrate.ts";
import { assertReachable, createPool } from "../db/pool.ts";
import { OnceboxError } from "../errors.ts";
import { hasTokens } from "../inspect/tokens.ts";
import type { Logger } from "../log.ts";
import { createMetrics, type Metrics } from "../metrics.ts";
import { setDelay } from "../outbox/worker-row.ts";
import { readVersion } from "../version.ts";
import { compileCheck } from "./check.ts";
import type { Database } from "./database.ts";
import { describeApi } from "./docs.ts";
import { healthRoutes } from "./health.ts";
import { isLoopback, refuseStrangeHosts } from "./hosts.ts";
import { readJson, readNdjson } from "./json.ts";
import { leadRoutes } from "./leads.ts";
import { watchMethods } from "./methods.ts";
import { metricsRoutes } from "./metrics.ts";
import { notificationRoutes } from "./notifications.ts";
import { createGate, type Gate, readBearer, requireScope } from "./principal.ts";
import { answerUnreadable, HttpError, problemHandler, sendProblem, tooMany } from "./problem.ts";
import { openScrape, type Scrape } from "./scrape.ts";
import { letGoAtStop } from "./stop.ts";
import { serveDashboard } from "./ui/routes.ts";
import type { Landings } from "./ui/sandbox.ts";
import { webhookRoutes } from "./webhook.ts";

export interface Server {
  /** Such as `http://127.0.0.1:4600`. */
  readonly url: string;
  /** Answers what is under way, takes nothing new, and lets go of everything. */
  close(): Promise<void>;
}

interface ServerSettings {
  readonly databaseUrl: string | null;
  readonly http: HttpConfig;
  /** From registration to the first send, written into the database; null = as it is there. */
  readonly delay?: string | null;
  /** What Mobizon signs its webhooks with; none = they are not taken. */
  readonly webhookSecrets?: readonly string[];
  /** What is counted, by a worker in the same process too; default what is counted here. */
  readonly metrics?: Metrics;
  /** What arrives at the stand-ins, for `oncebox dev`; null where the providers are real. */
  readonly landings?: Landings | null;
  readonly patience?: Patience;
}

/** How long a client may take, in milliseconds. */
interface Patience {
  readonly headersMs: number;
  /** Headers and body. */
  readonly requestMs: number;
}

const PATIENCE: Patience = { headersMs: 10_000, requestMs: 15_000 };

/** A lead with all its texts fits. */
const BODY_BYTES = 16_384;
const HEADER_BYTES = 16_384;
const KEEP_ALIVE_MS = 30_000;
const CHECK_CONNECTIONS_MS = 1_000;
const MOST_CONNECTIONS = 5_000;
const DATABASE_CONNECTIONS = 10;
const LIMITS = { statementMs: 10_000, lockMs: 2_000 } as const;
const CONNECT_MS = 3_000;

/**
 * Serves the HTTP API and the dashboard.
 *
 * @throws OnceboxError `ONCEBOX_CONFIG_INVALID` - DATABASE_URL is missing; an address that others can
 *   reach, and no token; an address that cannot be listened on.
 * @throws OnceboxError `ONCEBOX_DATABASE_UNREACHABLE`, `ONCEBOX_SCHEMA_MISSING`, `ONCEBOX_SCHEMA_OUTDATED`.
 */
export async function startServer(settings: ServerSettings, log: Logger): Promise<Server> {
  await using opened = new AsyncDisposableStack();
  const pool = createPool({
    databaseUrl: requireDatabaseUrl(settings),
    max: DATABASE_CONNECTIONS,
    applicationName: "oncebox serve",
    limits: LIMITS,
    connectMs: CONNECT_MS,
    onIdleError: (error) =>
      log.warn({ err: error }, "database:connection lost, it is opened again"),
  });
  opened.defer(() => pool.end());
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  await assertReachable(pool);
  await assertSchemaIsCurrent(pool);
  // Before anybody can register.
  if (settings.delay != null) await setDelay(db, settings.delay);

  const { http } = settings;
  const isOpen = http.token === null && !(await hasTokens(db));
  if (isOpen && !isLoopback(http.host)) throw needsToken(http);
  const metrics = settings.metrics ?? createMetrics({ version: readVersion() });
  metrics.usePool("http", pool);
  const scrape = openScrape({ metrics, databaseUrl: requireDatabaseUrl(settings), log });
  opened.defer(() => scrape.close());
  const gate = createGate(db, { token: http.token, isOpen });
  const app = await createApp({ pool, db }, { gate, scrape, metrics }, settings, log);
  opened.defer(() => app.close());
  await listen(app, http);
  const { port } = app.server.address() as AddressInfo;
  const host = http.host.includes(":") ? `[${http.host}]` : http.host;
  const resources = opened.move();
  return { url: `http://${host}:${port}`, close: () => resources.disposeAsync() };
}

async function createApp(
  database: Database,
  {
    gate,
    scrape,
    metrics,
  }: { readonly gate: Gate; readonly scrape: Scrape; readonly metrics: Metrics },
  { http, webhookSecrets = [], landings = null, patience = PATIENCE }: ServerSettings,
  log: Logger,
): Promise<FastifyInstance> {
  const app = fastify({
    genReqId: () => randomUUID(),
    // Whom a proxy on this machine speaks for: limits are by address.
    trustProxy: "loopback",
    bodyLimit: BODY_BYTES,
    requestTimeout: patience.requestMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // At a stop what is idle is cut, and what is under way or just coming in is answered.
    forceCloseConnections: "idle",
    return503OnClosing: false,
    clientErrorHandler: answerUnreadable,
    frameworkErrors: problemHandler(log),
    http: {
      headersTimeout: patience.headersMs,
      maxHeaderSize: HEADER_BYTES,
      connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
    },
    routerOptions: { maxParamLength: 100 },
  });
  app.server.maxConnections = MOST_CONNECTIONS;
  app.setValidatorCompiler(compileCheck);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(problemHandler(log));
  // First, so that what is refused has them, too.
  await app.register(helmet, HEADERS);
  app.addHook("onRequest", async (_request, reply) => {
    reply.header("cache-control", "no-store");
  });
  parseJsonOnly(app);
  refuseStrangeHosts(app, gate);
  readBearer(app, gate);
  letGoAtStop(app, patience.requestMs);
  await describeApi(app);
  const refuseOtherMethods = watchMethods(app);
  await app.register(healthRoutes(database));
  await app.register(
    webhookRoutes({
      ...{ db: database.db, secrets: webhookSecrets, log },
      count: metrics.webhook,
    }),
  );
  // How much a business sends is its own affair.
  const forReaders: FastifyPluginAsync = async (it) => {
    it.addHook("onRequest", requireScope("read"));
    await it.register(metricsRoutes(scrape));
  };
  await app.register(forReaders);
  await limitRate(app, http);
  await app.register(leadRoutes({ ...database, leadsPerPhone: http.leadsPerPhone, metrics }));
  await app.register(notificationRoutes(database));
  refuseOtherMethods();
  // After the hooks that it answers with.
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      new HttpError(404, "ONCEBOX_NOT_FOUND", "there is nothing at this address", {
        hint: "See /docs.",
      }),
      request,
      reply,
    ),
  );
  await serveDashboard(app, { ...database, gate, log, landings });
  return app;
}

const HEADERS = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  frameguard: { action: "deny" },
  referrerPolicy: { policy: "no-referrer" },
} as const;

/** JSON as `readJson` takes it, and NDJSON for batches; everything else is 415. */
function parseJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "buffer" },
    async (_request: unknown, body: Buffer) => readJson(body),
  );
  app.addContentTypeParser(
    "application/x-ndjson",
    { parseAs: "buffer" },
    async (_request: unknown, body: Buffer) => readNdjson(body),
  );
  app.addHook("onRequest", async ({ headers }) => {
    const encoding = headers["content-encoding"];
    if (encoding === undefined || encoding === "identity") return;
    throw new HttpError(415, "ONCEBOX_REQUEST_REFUSED", "the body is compressed", {
      hint: "Send it as it is.",
    });
  });
}

/** Of what is registered from here on: by token; by address where nobody said who they are. */
async function limitRate(app: FastifyInstance, { requestsPerSecond }: HttpConfig): Promise<void> {
  await app.register(rateLimit, {
    hook: "onRequest",
    max: requestsPerSecond,
    timeWindow: 1_000,
    keyGenerator: ({ principal, ip }) => principal?.name ?? ip,
    errorResponseBuilder: tooMany(
      `more than ${requestsPerSecond} requests a second`,
      "Wait, send batches, or raise ONCEBOX_REQUESTS_PER_SECOND.",
    ),
  });
}

function needsToken({ host }: HttpConfig): OnceboxError {
  return new OnceboxError(
    "ONCEBOX_CONFIG_INVALID",
    `ONCEBOX_HTTP: got ${host}, which others can reach, and there is no token`,
    { hint: "Set ONCEBOX_TOKEN, or make a token: oncebox tokens make --help." },
  );
}

async function listen(app: FastifyInstance, { host, port }: HttpConfig): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined || !/^EA(?:DDR|CCES)/.test(code)) throw error;
    throw new OnceboxError(
      "ONCEBOX_CONFIG_INVALID",
      `ONCEBOX_HTTP: got ${host}:${port}, which cannot be listened on (${code})`,
      { hint: "Stop what listens there, or choose another port.", cause: error },
    );
  }
}
