import { z } from "zod";
import { OnceboxError } from "./errors.ts";
import { LOG_LEVELS, type LogLevel } from "./log.ts";

/** What the environment says, checked and with defaults. The only reader of process.env. */
export interface Config {
  readonly databaseUrl: string | null;
  /** Null when MOBIZON_API_KEY is not set: the SMS channel is off. */
  readonly mobizon: MobizonConfig | null;
  /** Null when SMTP_URL is not set: the email channel is off. */
  readonly smtp: SmtpConfig | null;
  /** ONCEBOX_DELAY as it was written, for Postgres to read; null when it is not set. */
  readonly delay: string | null;
  readonly concurrency: number;
  readonly sendTimeoutMs: number;
  readonly leaseMs: number;
  readonly logLevel: LogLevel;
}

export interface MobizonConfig {
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly sender: string | null;
  readonly mode: "campaign" | "message";
}

export interface SmtpConfig {
  readonly url: string;
  readonly from: string;
}

/** A lease shorter than this much more than the send would run out while an answer is being written down. */
const LEASE_MARGIN_MS = 10_000;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  millisecond: 1,
  s: 1_000,
  sec: 1_000,
  second: 1_000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
};

/** The part of Postgres' interval syntax that people write: `90 seconds`, `1 minute 30 s`, `00:01:30`. */
function parseIntervalMs(text: string): number | null {
  const clock = /^(\d{1,3}):([0-5]\d):([0-5]\d(?:\.\d+)?)$/.exec(text.trim());
  if (clock !== null) {
    return (Number(clock[1]) * 3_600 + Number(clock[2]) * 60 + Number(clock[3])) * 1_000;
  }
  let totalMs = 0;
  const rest = text
    .trim()
    .toLowerCase()
    .replaceAll(/(\d+(?:\.\d+)?)\s*([a-z]+)\s*/g, (whole, count, unit) => {
      const unitMs = UNIT_MS[unit] ?? UNIT_MS[String(unit).replace(/s$/, "")];
      if (unitMs === undefined) return whole;
      totalMs += Number(count) * unitMs;
      return "";
    });
  return rest === "" && text.trim() !== "" ? totalMs : null;
}

const interval = z.string().transform((text, context) => {
  const milliseconds = parseIntervalMs(text);
  if (milliseconds !== null && milliseconds > 0) return milliseconds;
  context.addIssue({
    code: "custom",
    message: 'wanted an interval such as "20 seconds" or "1 minute 30 seconds"',
  });
  return z.NEVER;
});

function url(protocols: readonly string[], example: string) {
  return z
    .string()
    .refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
      message: `wanted a URL such as ${example}`,
    });
}

const whole = (text: string) => /^\d+$/.test(text);

const ENVIRONMENT = z.object({
  DATABASE_URL: url(
    ["postgres:", "postgresql:"],
    "postgres://user:password@host:5432/database",
  ).optional(),
  MOBIZON_API_URL: url(["http:", "https:"], "https://api.mobizon.kz").default(
    "https://api.mobizon.kz",
  ),
  MOBIZON_API_KEY: z.string().optional(),
  MOBIZON_SENDER: z.string().max(11, "wanted a sender id of at most 11 characters").optional(),
  MOBIZON_SEND_MODE: z
    .enum(["campaign", "message"], { message: "wanted campaign or message" })
    .default("campaign"),
  SMTP_URL: url(["smtp:", "smtps:"], "smtps://user:password@host:465").optional(),
  MAIL_FROM: z
    .string()
    .regex(
      /^(?:[^<>@",;\r\n]* )?<?[^\s<>@",;]+@[^\s<>@",;]+\.[^\s<>@",;]+>?$/,
      'wanted one address such as "ProfTest <info@example.kz>"',
    )
    .optional(),
  ONCEBOX_DELAY: z
    .string()
    .refine((text) => text.trim() === "0" || parseIntervalMs(text) !== null, {
      message: 'wanted an interval such as "10 minutes"',
    })
    .optional(),
  ONCEBOX_CONCURRENCY: z
    .string()
    .refine((text) => whole(text) && Number(text) >= 1 && Number(text) <= 1_000, {
      message: "wanted a whole number from 1 to 1000",
    })
    .transform(Number)
    .default(10),
  ONCEBOX_SEND_TIMEOUT: interval.default(60_000),
  ONCEBOX_LEASE: interval.default(180_000),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, { message: `wanted one of ${LOG_LEVELS.join(", ")}` })
    .default("info"),
});

/** Values that are secrets, or hold one: an error says that they are wrong, not what they are. */
const SECRET = new Set(["DATABASE_URL", "MOBIZON_API_KEY", "SMTP_URL"]);

/**
 * Reads and checks the environment; an empty value counts as not set.
 *
 * @param defaults - Values for variables that are not set, written as they would be there.
 * @throws OnceboxError `ONCEBOX_CONFIG_INVALID` - names every variable that is wrong, what it
 *   got (secrets excepted) and what it wants.
 */
export function readConfig(
  defaults: Readonly<Record<string, string>> = {},
  env: NodeJS.ProcessEnv = process.env,
): Config {
  const given = Object.fromEntries(
    Object.keys(ENVIRONMENT.shape).map((name) => [name, env[name] || defaults[name]]),
  );
  const parsed = ENVIRONMENT.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      const got = SECRET.has(name) ? "a value that is not shown" : JSON.stringify(given[name]);
      return `${name}: got ${got}, ${issue.message}`;
    });
    throw invalid(problems.join("; "), "Correct it in the environment and start again.");
  }
  const it = parsed.data;
  if (it.SMTP_URL !== undefined && it.MAIL_FROM === undefined) {
    throw invalid(
      "MAIL_FROM is not set although SMTP_URL is, wanted the sender's address",
      'Set MAIL_FROM to one address such as "ProfTest <info@example.kz>".',
    );
  }
  if (it.ONCEBOX_LEASE < it.ONCEBOX_SEND_TIMEOUT + LEASE_MARGIN_MS) {
    throw invalid(
      `ONCEBOX_LEASE is too short: got ${it.ONCEBOX_LEASE / 1_000} seconds, wanted at least ` +
        `${(it.ONCEBOX_SEND_TIMEOUT + LEASE_MARGIN_MS) / 1_000} seconds for an ONCEBOX_SEND_TIMEOUT of ${it.ONCEBOX_SEND_TIMEOUT / 1_000} seconds`,
      "Set ONCEBOX_LEASE longer or ONCEBOX_SEND_TIMEOUT shorter.",
    );
  }
  return Object.freeze({
    databaseUrl: it.DATABASE_URL ?? null,
    mobizon:
      it.MOBIZON_API_KEY === undefined
        ? null
        : {
            apiUrl: it.MOBIZON_API_URL,
            apiKey: it.MOBIZON_API_KEY,
            sender: it.MOBIZON_SENDER ?? null,
            mode: it.MOBIZON_SEND_MODE,
          },
    smtp:
      it.SMTP_URL === undefined || it.MAIL_FROM === undefined
        ? null
        : { url: it.SMTP_URL, from: it.MAIL_FROM },
    delay: it.ONCEBOX_DELAY ?? null,
    concurrency: it.ONCEBOX_CONCURRENCY,
    sendTimeoutMs: it.ONCEBOX_SEND_TIMEOUT,
    leaseMs: it.ONCEBOX_LEASE,
    logLevel: it.LOG_LEVEL,
  });
}

/** @throws OnceboxError `ONCEBOX_CONFIG_INVALID` when DATABASE_URL is not set. */
export function requireDatabaseUrl(config: Config): string {
  if (config.databaseUrl !== null) return config.databaseUrl;
  throw invalid(
    "DATABASE_URL is not set, wanted a URL such as postgres://user:password@host:5432/database",
    "Set it, or try everything without one: oncebox dev",
  );
}

function invalid(message: string, hint: string): OnceboxError {
  return new OnceboxError("ONCEBOX_CONFIG_INVALID", message, { hint });
}
