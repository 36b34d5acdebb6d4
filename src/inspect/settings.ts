import { type Kysely, sql } from "kysely";
import { type Check, ok } from "./checks.ts";

/** What the server and the role make of a connection like a worker's. Times in milliseconds, 0 = no limit. */
export interface ServerSettings {
  readonly versionNumber: number;
  readonly synchronousCommit: string;
  readonly fsync: string;
  readonly fullPageWrites: string;
  readonly readOnly: string;
  readonly isolation: string;
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleInTransactionMs: number;
  /** 0 before PostgreSQL 17, which has none. */
  readonly transactionTimeoutMs: number;
  /** Silence before the server asks whether we are still there; 0 on a socket of the machine's own. */
  readonly keepaliveIdleMs: number;
  /** The database's clock. */
  readonly now: Date;
}

/** The oldest that is tested. */
const LEAST_VERSION = 15;
/** Sweep and registrations of thousands at once stay within it on a busy machine. */
const SHORT_TIMEOUT_MS = 10_000;
/** Row locks of a host that vanished are held as long. */
const LONG_SILENCE_MS = 600_000;
/** What is due goes by the database's clock, so this is for the reader of two logs. */
const MOST_CLOCK_OFFSET_MS = 5_000;

export async function readSettings(db: Kysely<unknown>): Promise<ServerSettings> {
  const { rows } = await sql<ServerSettings>`
    with setting as (
      select s.name, s.setting,
             case s.unit when 'ms' then s.setting::float8 when 's' then s.setting::float8 * 1000 end as ms
        from pg_settings as s)
    select current_setting('server_version_num')::integer as "versionNumber",
           current_setting('synchronous_commit') as "synchronousCommit",
           current_setting('fsync') as fsync,
           current_setting('full_page_writes') as "fullPageWrites",
           current_setting('default_transaction_read_only') as "readOnly",
           current_setting('default_transaction_isolation') as isolation,
           max(s.ms) filter (where s.name = 'statement_timeout') as "statementTimeoutMs",
           max(s.ms) filter (where s.name = 'lock_timeout') as "lockTimeoutMs",
           max(s.ms) filter (where s.name = 'idle_in_transaction_session_timeout') as "idleInTransactionMs",
           coalesce(max(s.ms) filter (where s.name = 'transaction_timeout'), 0) as "transactionTimeoutMs",
           max(s.ms) filter (where s.name = 'tcp_keepalives_idle') as "keepaliveIdleMs",
           clock_timestamp() as now
      from setting as s`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new TypeError("the server answered no row");
  return row;
}

export function checkVersion({ versionNumber }: ServerSettings): Check {
  const name = "version";
  const major = Math.floor(versionNumber / 10_000);
  if (major >= LEAST_VERSION) return ok(name, `PostgreSQL ${major} is one that oncebox runs on`);
  return {
    name,
    status: "fail",
    means: `PostgreSQL ${major} is older than ${LEAST_VERSION}, the oldest that oncebox is tested on`,
    remedy: "upgrade the server",
  };
}

/** Whether a commit that was answered outlives a crash of the server. */
export function checkDurability(it: ServerSettings): Check {
  const name = "durability";
  const found = [
    ...(it.fsync === "off"
      ? ["fsync is off: a crash of the machine can lose or spoil all of it"]
      : []),
    ...(it.fullPageWrites === "off"
      ? ["full_page_writes is off: a crash of the machine can spoil pages"]
      : []),
    ...(it.synchronousCommit === "off"
      ? [
          "synchronous_commit is off: a crash of the server loses the last registrations (claims are safe, they turn it on)",
        ]
      : []),
  ];
  if (found.length === 0) return ok(name, "a commit that was answered outlives a crash");
  return {
    name,
    status: "warn",
    means: found.join("; "),
    remedy:
      it.fsync === "off" || it.fullPageWrites === "off"
        ? "postgresql.conf: fsync = on, full_page_writes = on"
        : "alter role current_user set synchronous_commit = on",
  };
}

/** What the role or the database sets for every session, and a worker would trip over. */
export function checkTimeouts(it: ServerSettings): Check {
  const name = "timeouts";
  if (it.readOnly === "on") {
    return {
      name,
      status: "fail",
      means: "default_transaction_read_only is on: nothing can be registered or claimed",
      remedy: "alter role current_user reset default_transaction_read_only",
    };
  }
  const limits: readonly [setting: string, ms: number][] = [
    ["statement_timeout", it.statementTimeoutMs],
    ["lock_timeout", it.lockTimeoutMs],
    ["idle_in_transaction_session_timeout", it.idleInTransactionMs],
    ["transaction_timeout", it.transactionTimeoutMs],
  ];
  const short = limits.filter(([, ms]) => ms > 0 && ms < SHORT_TIMEOUT_MS);
  if (short.length > 0) {
    const each = short.map(([setting, ms]) => `${setting} is ${ms} ms`);
    return {
      name,
      status: "warn",
      means: `${each.join(", ")}: on a busy server it cuts off sweeps, claims and large registrations, which are then tried again`,
      remedy: short.map(([setting]) => `alter role current_user set ${setting} = '30s';`).join(" "),
    };
  }
  if (it.isolation !== "read committed") {
    return {
      name,
      status: "warn",
      means: `default_transaction_isolation is ${it.isolation}: two who claim at the same moment get errors instead of an answer`,
      remedy: "alter role current_user set default_transaction_isolation = 'read committed'",
    };
  }
  return ok(name, "none that would cut off a worker's work");
}

export function checkKeepalive({ keepaliveIdleMs }: ServerSettings): Check {
  const name = "keepalive";
  if (keepaliveIdleMs <= LONG_SILENCE_MS) {
    return ok(name, "the server notices a host that vanished within minutes");
  }
  return {
    name,
    status: "warn",
    means: `the server asks a silent connection only after ${keepaliveIdleMs / 60_000} min: a host that vanished in the middle of a transaction keeps its row locks as long (a worker's sign of life has its own, of seconds)`,
    remedy: "alter role current_user set tcp_keepalives_idle = 60",
  };
}

/**
 * @param askedAt - This machine's clock before the database's was asked.
 * @param answeredAt - And after.
 */
export function checkClock({ now }: ServerSettings, askedAt: Date, answeredAt: Date): Check {
  const name = "clock";
  // Nearer than the way there and back took it cannot be told.
  const early = askedAt.getTime() - now.getTime();
  const late = now.getTime() - answeredAt.getTime();
  const offsetMs = Math.max(early, late, 0);
  if (offsetMs <= MOST_CLOCK_OFFSET_MS) return ok(name, "this machine's and the database's agree");
  return {
    name,
    status: "warn",
    means: `this machine's clock is ${Math.round(offsetMs / 1_000)} s ${early > late ? "ahead of" : "behind"} the database's; what is due goes by the database's, so nothing is sent early or late, but logs and --due TIME are off`,
    remedy: "timedatectl; let both synchronise by NTP",
  };
}
