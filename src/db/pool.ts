import pg from "pg";
import { OnceboxError } from "../errors.ts";

export interface PoolSettings {
  readonly databaseUrl: string;
  /** Most connections at once. */
  readonly max: number;
  /** Shown in pg_stat_activity; no personal data. */
  readonly applicationName: string;
  /** Told of connections that broke while idle; the pool replaces them by itself. */
  readonly onIdleError: (error: Error) => void;
}

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
    connectionTimeoutMillis: 10_000,
  });
  pool.on("error", settings.onIdleError);
  // A checked-out client has no listener of its own, and an unheard "error" ends the process.
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
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
