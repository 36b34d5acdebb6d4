import pg from "pg";
import { OnceboxError } from "../errors.ts";

export interface PoolSettings {
  readonly databaseUrl: string;
  /** Most connections at once. */
  readonly max: number;
  /** Shown in pg_stat_activity; no personal data. */
  readonly applicationName: string;
  /**
   * What one statement may take, and a transaction that rests; default as long as they like. Needs
   * connections that stay ours.
   */
  readonly limits?: { readonly statementMs: number; readonly lockMs: number };
  /** How long to wait for a connection; default 10 seconds. */
  readonly connectMs?: number;
  /** Told of connections that broke while idle; the pool replaces them by itself. */
  readonly onIdleError: (error: Error) => void;
}

/** An answer that is so much later than the server's own limit does not come. */
const SILENCE_MS = 1_000;

/** The open connections of each pool, so that they can be cut. */
const CLIENTS = new WeakMap<pg.Pool, ReadonlySet<pg.PoolClient>>();

/**
 * A pool that notices a database that went away: server-side errors on idle connections are
 * reported instead of crashing the process, and half-open ones are found by TCP keepalive.
 */
export function createPool(settings: PoolSettings): pg.Pool {
  const pool = new pg.Pool({
    connectionString: settings.databaseUrl,
    max: settings.max,
    application_name: settings.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: settings.connectMs ?? 10_000,
    ...(settings.limits !== undefined && limited(settings.limits)),
  });
  pool.on("error", settings.onIdleError);
  const clients = new Set<pg.PoolClient>();
  pool.on("connect", (client) => {
    clients.add(client);
    // A checked-out client has no listener of its own, and an unheard "error" ends the process.
    client.on("error", () => {});
  });
  pool.on("remove", (client) => clients.delete(client));
  CLIENTS.set(pool, clients);
  releaseOnce(pool);
  return pool;
}

function limited({ statementMs, lockMs }: NonNullable<PoolSettings["limits"]>): pg.PoolConfig {
  return {
    // For a server that fell silent and cannot keep its own limit.
    query_timeout: statementMs + SILENCE_MS,
    onConnect: async (client) => {
      await client.query(
        `set statement_timeout = ${statementMs}; set lock_timeout = ${lockMs};
         set idle_in_transaction_session_timeout = ${statementMs}`,
      );
    },
  };
}

/**
 * graphile-worker gives its listener's connection back twice when it breaks while a stop or its first
 * LISTEN is under way. pg throws at the second time, where nobody catches it, and that ends the process.
 */
function releaseOnce(pool: pg.Pool): void {
  type Callback = Parameters<pg.Pool["connect"]>[0];
  const connect = pool.connect.bind(pool);
  const takeOnce = (callback: Callback) =>
    connect((error, client, release) => {
      let isReleased = false;
      callback(error, client, (reason) => {
        if (isReleased) return;
        isReleased = true;
        release(reason);
      });
    });
  pool.connect = ((callback?: Callback) =>
    callback === undefined ? connect() : takeOnce(callback)) as pg.Pool["connect"];
}

/**
 * Breaks every connection of the pool at once: what waits on one that fell silent fails now, and
 * may ask again on a new one, instead of minutes later.
 */
export function cutConnections(pool: pg.Pool): void {
  for (const client of CLIENTS.get(pool) ?? []) {
    // Not in pg's types; it is the client's socket.
    const { connection } = client as unknown as { connection?: { stream?: { destroy(): void } } };
    connection?.stream?.destroy();
  }
}

function unreachable(error: unknown): OnceboxError {
  const text =
    error instanceof Error
      ? error.message || String((error as { code?: string }).code)
      : String(error);
  return new OnceboxError(
    "ONCEBOX_DATABASE_UNREACHABLE",
    `the database cannot be reached: ${text}`,
    {
      hint: "Check DATABASE_URL, that the server runs, and that it lets this machine in.",
      cause: error,
    },
  );
}

/** Asks the pool for a connection once, so that a wrong DATABASE_URL is one clear error at the start. */
export async function assertReachable(pool: pg.Pool): Promise<void> {
  try {
    const client = await pool.connect();
    client.release();
  } catch (error) {
    throw unreachable(error);
  }
}
