import type { SchemaStatus } from "../db/migrate.ts";
import type { Guard } from "./guard.ts";
import type { Health } from "./health.ts";
import type { DatabaseServer } from "./server.ts";

export interface Check {
  readonly name: string;
  /** `warn`: somebody should look, and it goes on. `fail`: something is not sent, or cannot be trusted. */
  readonly status: "ok" | "warn" | "fail";
  readonly means: string;
  /** The command that mends it, or shows more; null where there is nothing to mend. */
  readonly remedy: string | null;
}

/** An outcome this long in doubt is none that a lookup decides in passing. */
const DOUBT_IS_OLD_MS = 10 * 60_000;

const SWEEP_IS_LATE_MS = 60_000;
/** A batch takes seconds, and one that failed is asked again after two minutes. */
const LOOK_IS_LATE_MS = 10 * 60_000;

export function ok(name: string, means: string): Check {
  return { name, status: "ok", means, remedy: null };
}

export function checkServer({ version, database, isStandby }: DatabaseServer): Check {
  if (isStandby) {
    return {
      name: "database",
      status: "fail",
      means: `DATABASE_URL leads to a standby (PostgreSQL ${version}): it cannot be written`,
      remedy: "point DATABASE_URL at the primary",
    };
  }
  return ok("database", `PostgreSQL ${version}, database ${database}`);
}

export function checkSchema({ state, migratedBy }: SchemaStatus): Check {
  switch (state) {
    case "current":
      return ok("schema", "is this version's");
    case "newer":
      return ok("schema", `was made by a newer oncebox (${migratedBy}), on which this one runs`);
    case "too_new":
      return {
        name: "schema",
        status: "fail",
        means: `was made by a newer oncebox (${migratedBy ?? "which one is not known"}), on which this one cannot run`,
        remedy: "start that version of oncebox instead",
      };
    case "missing":
    case "outdated":
      return {
        name: "schema",
        status: "fail",
        means: state === "missing" ? "is not there yet" : "is older than this oncebox",
        remedy: "oncebox migrate up",
      };
  }
}

/** Whether the database is the one that it was; see `docs/time-travel.md`. */
export function checkGuard(guard: Guard): Check {
  const name = "time travel";
  if (guard.isKnown === null) return ok(name, "nothing was registered yet, so nothing can be lost");
  const where = `cluster ${guard.systemIdentifier}, timeline ${guard.timeline}`;
  if (!guard.isKnown) {
    return {
      name,
      status: "fail",
      means: `the outbox was written in ${where}, and this is another: what is due will be held`,
      remedy: "oncebox worker, then look again; docs/time-travel.md",
    };
  }
  const since =
    guard.travelledAt === null
      ? "it never was another one"
      : `another or an older one since ${guard.travelledAt.toISOString()}`;
  const { sms, email } = guard;
  if (sms.count + email.count === 0) return ok(name, `${where}; ${since}; nothing is held`);
  const means = `${where}; ${since}; held: ${sms.count} SMS (compared with Mobizon's record), ${email.count} emails (wait for you)`;
  if (email.count === 0) return { name, status: "warn", means, remedy: "oncebox worker" };
  return {
    name,
    status: "fail",
    means,
    remedy: "oncebox resume --email --reason ..; docs/time-travel.md",
  };
}

export function checkDoubt({ unknown, oldestUnknownAt }: Health, now: Date): Check {
  const name = "outcomes in doubt";
  if (unknown === 0 || oldestUnknownAt === null) return ok(name, "none");
  const ageMs = now.getTime() - oldestUnknownAt.getTime();
  return {
    name,
    status: ageMs > DOUBT_IS_OLD_MS ? "fail" : "warn",
    means: `${unknown}, the oldest for ${ageOf(ageMs)}: sent or not, only the provider or a person knows`,
    remedy: "oncebox notifications list --state unknown",
  };
}

export function checkSetAside({ setAside }: Health): Check {
  const name = "set aside";
  if (setAside === 0) return ok(name, "none");
  return {
    name,
    status: "fail",
    means: `${setAside}: three workers in a row died with it, so no other tries`,
    remedy: "oncebox notifications list --state unknown",
  };
}

export function checkChannels({ pausedChannels }: Health): Check {
  const name = "channels";
  if (pausedChannels.length === 0) return ok(name, "none is paused");
  const each = pausedChannels.map(
    (it) => `${it.channel} until ${it.until.toISOString()} (${it.reason})`,
  );
  return {
    name,
    status: "warn",
    means: `paused by the provider's trouble: ${each.join(", ")}; tried again by itself`,
    remedy: "docs/operating.md",
  };
}

/** Whether what the provider took reaches the phones; see `docs/delivery.md`. */
export function checkDeliveries(
  { undeliveredOfLate, inModeration, nextLookAt, workers }: Health,
  now: Date,
): Check {
  const name = "deliveries";
  const lateMs = nextLookAt === null ? 0 : now.getTime() - nextLookAt.getTime();
  const found = [
    ...(undeliveredOfLate > 0
      ? [`${undeliveredOfLate} SMS of the last 24 hours did not reach their phone`]
      : []),
    ...(inModeration > 0 ? [`${inModeration} SMS wait for Mobizon's moderator`] : []),
    ...(workers > 0 && lateMs > LOOK_IS_LATE_MS
      ? [`Mobizon should have been asked ${ageOf(lateMs)} ago how far SMS got`]
      : []),
  ];
  if (found.length === 0) return ok(name, "no SMS of the last 24 hours came to grief on its way");
  return {
    name,
    status: "warn",
    means: found.join("; "),
    remedy:
      undeliveredOfLate > 0
        ? "oncebox notifications list --delivery undelivered; docs/delivery.md"
        : inModeration > 0
          ? "oncebox notifications list --delivery moderation; docs/delivery.md"
          : "look for deliveries in the workers' logs",
  };
}

export function checkBalance({ smsBalance, pausedChannels }: Health): Check {
  const name = "balance";
  if (smsBalance === null) return ok(name, "was never read: no worker has Mobizon configured yet");
  const { balance, currency, at, lowSince } = smsBalance;
  const means = `${balance} ${currency} at ${at.toISOString()}`;
  if (lowSince === null) return ok(name, means);
  const isEmpty = pausedChannels.some((it) => it.reason === "balance");
  return {
    name,
    status: isEmpty ? "fail" : "warn",
    means: `${means}, low since ${lowSince.toISOString()}${isEmpty ? ": no SMS is sent" : ""}`,
    remedy: "pay into the account",
  };
}

export function checkWorkers({ workers, due }: Health): Check {
  if (workers > 0) return ok("workers", `${workers} alive`);
  return {
    name: "workers",
    status: due > 0 ? "fail" : "warn",
    means: `none is alive, ${due} notifications are due: nothing is sent`,
    remedy: "oncebox worker",
  };
}

/** Every living worker sweeps every second. */
export function checkSweep({ workers, sweptAgoMs }: Health): Check {
  const name = "sweep";
  if (workers === 0) return ok(name, "no worker is alive to do it");
  if (sweptAgoMs !== null && sweptAgoMs <= SWEEP_IS_LATE_MS) return ok(name, "runs");
  return {
    name,
    // None at all: the first worker may have started a moment ago.
    status: sweptAgoMs === null ? "warn" : "fail",
    means: `the last one was ${sweptAgoMs === null ? "never" : `${ageOf(sweptAgoMs)} ago`}, though workers are alive: dead workers' claims are not taken over`,
    remedy: "look for sweep in the workers' logs, restart them",
  };
}

export function ageOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}
