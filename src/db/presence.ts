import pg from "pg";
import { OnceboxError } from "../errors.ts";

/** A worker's sign of life: a session-level advisory lock on a connection of its own. */
export interface Presence {
  /** Settles, with why, when the connection is lost: the lock is free then, or soon will be. Never rejects. */
  readonly lost: Promise<string>;
  /** Lets go of the lock. */
  close(): Promise<void>;
}

/** How often the connection is asked whether it still lives, and how long it may take to answer. */
const HEARTBEAT_MS = 2_000;
const ANSWER_WITHIN_MS = 6_000;
/** How often a pooler gets the chance to give itself away. */
const PROOF_ROUNDS = 5;

/**
 * Takes the lock and keeps it until the connection goes.
 *
 * The server's TCP keepalive is set in the session, so that a host that vanished without a word
 * frees its lock within about 12 seconds (5 s idle, then 3 probes, 2 s apart) and not within two hours.
 *
 * @throws OnceboxError `ONCEBOX_CONNECTION_NOT_SESSION` - a transaction pooler is in between.
 */
export async function takePresence(databaseUrl: string, lockKey: string): Promise<Presence> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: "oncebox presence",
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    connectionTimeoutMillis: 10_000,
  });
  const lost = new Promise<string>((resolve) => {
    client.on("error", (error) => resolve(error.message));
    client.on("end", () => resolve("the connection ended"));
  });
  let heartbeat: NodeJS.Timeout | undefined;
  try {
    await client.connect();
    await client.query(`set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2;
                        set tcp_keepalives_count = 3; set tcp_user_timeout = 12000;
                        set idle_session_timeout = 0; set statement_timeout = 0`);
    await client.query("select pg_advisory_lock($1::bigint)", [lockKey]);
    await assertSession(client, databaseUrl, lockKey);
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  const silent = new Promise<string>((resolve) => {
    heartbeat = setInterval(() => {
      const tooLate = setTimeout(() => resolve("the server fell silent"), ANSWER_WITHIN_MS);
      client.query("select 1").then(
        () => clearTimeout(tooLate),
        (error: Error) => {
          clearTimeout(tooLate);
          resolve(error.message);
        },
      );
    }, HEARTBEAT_MS);
  });
  const isLost = Promise.race([lost, silent]).finally(() => clearInterval(heartbeat));
  return {
    lost: isLost,
    async close() {
      clearInterval(heartbeat);
      await Promise.race([
        client.end(),
        new Promise((resolve) => setTimeout(resolve, 1_000)),
      ]).catch(() => {});
    },
  };
}

/**
 * Behind a transaction pooler a second client is handed the first one's server connection as soon
 * as that is idle, lock and all: the lock would say that we live after we died, and free itself
 * while we live.
 */
async function assertSession(
  client: pg.Client,
  databaseUrl: string,
  lockKey: string,
): Promise<void> {
  const other = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  other.on("error", () => {});
  await other.connect();
  try {
    for (let round = 0; round < PROOF_ROUNDS; round++) {
      const mine = await backendOf(client);
      await other.query("begin");
      const theirs = await backendOf(other);
      const mineNow = await backendOf(client);
      const { rows } = await other.query<{ holder: number }>(
        `select pid as holder from pg_locks
          where locktype = 'advisory' and objsubid = 1 and granted
            and (classid::bigint << 32) | objid::bigint = $1::bigint
            and database = (select oid from pg_database where datname = current_database())`,
        [lockKey],
      );
      await other.query("rollback");
      if (mine !== mineNow || mine === theirs || rows[0]?.holder !== mine) {
        throw new OnceboxError(
          "ONCEBOX_CONNECTION_NOT_SESSION",
          "DATABASE_URL leads through a transaction pooler, wanted a session of the worker's own",
          {
            detail: "Two clients were given the same server connection, or one of them changed it.",
            hint: "Give workers a direct connection, or a pooler in session mode (on Supabase port 5432 instead of 6543). Those who only register may keep theirs.",
          },
        );
      }
    }
  } finally {
    await other.end().catch(() => {});
  }
}

async function backendOf(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid;
}
