import type pg from "pg";
import { OnceboxError } from "../../errors.ts";

/** One connection for all the transactions of a file. */
export interface Connection extends AsyncDisposable {
  readonly client: pg.ClientBase;
  /** Ends it whatever it is doing; its query fails at once. */
  cut(): void;
  /** The error as it may be shown: a lost connection has a code and a hint. */
  explain(error: unknown, hint: string): unknown;
}

export async function takeConnection(pool: pg.Pool): Promise<Connection> {
  const client = await pool.connect();
  let isLost = false;
  client.on("error", () => {
    isLost = true;
  });
  // Closed and not given back: the command is over, or the connection is not to be trusted.
  let close = () => {
    close = () => {};
    client.release(true);
  };
  return {
    client,
    cut: () => close(),
    explain: (error, hint) => (isLost || isFarewell(error) ? lost(error, hint) : error),
    async [Symbol.asyncDispose]() {
      close();
    },
  };
}

/** The last words of a server that ends the connection: class 08, a shutdown, a timeout of the session. */
function isFarewell(error: unknown): boolean {
  return /^(?:08|57P|25P0[34])/.test(String((error as { code?: unknown }).code));
}

function lost(error: unknown, hint: string): OnceboxError {
  const text = error instanceof Error ? error.message : String(error);
  return new OnceboxError(
    "ONCEBOX_DATABASE_UNREACHABLE",
    `the connection to the database was lost: ${text}`,
    { detail: "What the summary counts is committed and stays.", hint, cause: error },
  );
}
