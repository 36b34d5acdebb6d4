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
  /** Below it a worker warns, in the account's currency; null = only at zero. */
  readonly balanceWarn: number | null;
  /** What Mobizon signs its webhooks with: none = they are not taken; two = one replaces the other. */
  readonly webhookSecrets: readonly string[];
  /** What becomes of an email whose outcome is in doubt: a person decides, or it is sent again under the same Message-ID. */
  readonly emailUnknown: "hold" | "resend";
  /** SMS that may start, by all workers together; null = as many as come. */
  readonly smsPerSecond: number | null;
  /** ONCEBOX_DELAY as it was written, for Postgres to read; null when it is not set. */
  readonly delay: string | null;
  /** How long final rows are kept, pruned every night; null = for ever. */
  readonly keepMs: number | null;
  readonly http: HttpConfig;
  /** Where a worker serves its metrics; null = it does not. */
  readonly metrics: Address | null;
  readonly concurrency: number;
  readonly sendTimeoutMs: number;
  readonly leaseMs: number;
  readonly logLevel: LogLevel;
}

/** What a worker needs of it. */
export type WorkerConfig = Omit<Config, "http" | "metrics" | "webhookSecrets">;

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

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface HttpConfig extends Address {
  /** ONCEBOX_TOKEN: may do everything; null when it is not set. */
  readonly token: string | null;
  /** Requests a token may make each second. */
  readonly requestsPerSecond: number;
  /** Leads that a number may have in an hour, and an email address; null = as many as come. */
  readonly leadsPerPhone: number | null;
}

/** On this machine alone. */
export const DEFAULT_HTTP = { host: "127.0.0.1", port: 4_600 } as const;

/** A lease shorter than this much more than the send would run out while an answer is being written down. */
const LEASE_MARGIN_MS = 10_000;

/** Longer than any send, and well within what a timer takes: one of 25 days would fire at once. */
const MOST_TIMER_MS = 86_400_000;
const DAY_MS = 86_400_000;
/** A year: more is a slip, and no interval of Postgres by far. */
const MOST_DELAY_MS = 366 * 86_400_000;

/** Postgres' own spellings, as far as people use them; the longest units first. */
const UNITS: readonly [spelling: RegExp, milliseconds: number][] = [
  [/^(?:d|days?)$/, 86_400_000],
  [/^(?:h|hrs?|hours?)$/, 3_600_000],
  [/^(?:m|mins?|minutes?)$/, 60_000],
  [/^(?:s|secs?|seconds?)$/, 1_000],
  [/^(?:ms|msecs?|milliseconds?)$/, 1],
];

/**
 * The part of Postgres' interval syntax that people write: `90 seconds`, `1 minute 30 s`,
 * `00:01:30`. What is taken here, Postgres takes for the same time: ONCEBOX_DELAY is read by both.
 */
export function parseIntervalMs(text: string): number | null {
  const clock = /^(\d{1,3}):([0-5]\d):([0-5]\d(?:\.\d{1,3})?)$/.exec(text);
  if (clock !== null) {
    return Math.round(
      (Number(clock[1]) * 3_600 + Number(clock[2]) * 60 + Number(clock[3])) * 1_000,
    );
  }
  // ASCII spaces only: a no-break space is none to Postgres.
  const part = String.raw`(\d{1,10}(?:\.\d{1,6})?)[ \t\r\n]*([a-z]+)`;
  const lower = text.toLowerCase().replaceAll(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
  if (!new RegExp(`^${part}(?:[ \\t\\r\\n]+${part})*$`).test(lower)) return null;
  const counts = new Map<number, number>();
  for (const [, count, spelling = ""] of lower.matchAll(new RegExp(part, "g"))) {
    const unitMs = UNITS.find(([it]) => it.test(spelling))?.[1];
    // Postgres refuses a unit that is there twice.
    if (unitMs === undefined || counts.has(unitMs)) return null;
    counts.set(unitMs, Number(count));
  }
  // A timer takes whole milliseconds only, and 1.1 * 1000 is none.
  return Math.round([...counts].reduce((sum, [unitMs, count]) => sum + unitMs * count, 0));
}

function interval(atMostMs: number) {
  return z.string().transform((text, context) => {
    const milliseconds = parseIntervalMs(text);
    if (milliseconds !== null && milliseconds > 0 && milliseconds <= atMostMs) return milliseconds;
    context.addIssue({
      code: "custom",
      message: `wanted an interval of at most ${atMostMs / 3_600_000} hours such as "20 seconds" or "1 minute 30 seconds"`,
    });
    return z.NEVER;
  });
}

function url(protocols: readonly string[], example: string) {
  return z
    .string()
    .refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
      message: `wanted a URL such as ${example}`,
    });
}

function count(least: number, most: number) {
  return z
    .string()
    .refine((text) => /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most, {
      message: `wanted a whole number from ${least} to ${most}`,
    })
    .transform(Number);
}

/** Host and port, an IPv6 host in brackets; null for what is neither. */
function parseAddress(text: string): Address | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? null : { host, port };
}

function address(example: string) {
  return z.string().transform((text, context) => {
    const parsed = parseAddress(text);
    if (parsed !== null) return parsed;
    context.addIssue({ code: "custom", message: `wanted an address such as ${example}` });
    return z.NEVER;
  });
}

const ENVIRONMENT = z.object({
  DATABASE_URL: url(
    ["postgres:", "postgresql:"],
    "postgres://user:password@host:5432/database",
  ).optional(),
  MOBIZON_API_URL: url(["http:", "https:"], "https://api.mobizon.kz").default(
    "https://api.mobizon.kz",
  ),
  MOBIZON_API_KEY: z
    .string()
    .regex(
      /^[\x21-\x7e]+$/,
      "wanted the key from the vendor's panel, without spaces or line breaks",
    )
    .optional(),
  MOBIZON_SENDER: z.string().max(11, "wanted a sender id of at most 11 characters").optional(),
  MOBIZON_SEND_MODE: z
    .enum(["campaign", "message"], { message: "wanted campaign or message" })
    .default("campaign"),
  MOBIZON_BALANCE_WARN: z
    .string()
    .regex(/^\d{1,12}(?:\.\d{1,4})?$/, "wanted a number of the account's currency, such as 5000")
    .transform(Number)
    .optional(),
  MOBIZON_WEBHOOK_SECRET: z
    .string()
    .transform((text) => text.split(",").map((it) => it.trim()))
    .refine((secrets) => secrets.length <= 2 && secrets.every((it) => it.length >= 16), {
      message:
        "wanted a secret of at least 16 characters, or two with a comma between while one replaces the other",
    })
    .optional(),
  SMTP_URL: url(["smtp:", "smtps:"], "smtps://user:password@host:465").optional(),
  MAIL_FROM: z
    .string()
    .regex(
      /^(?:[^<>@",;\r\n]* )?<?[^\s<>@",;]+@[^\s<>@",;]+\.[^\s<>@",;]+>?$/,
      'wanted one address such as "ProfTest <info@example.kz>"',
    )
    .optional(),
  EMAIL_UNKNOWN: z.enum(["hold", "resend"], { message: "wanted hold or resend" }).default("hold"),
  ONCEBOX_SMS_PER_SECOND: z
    .string()
    .refine((text) => /^\d{1,4}(?:\.\d{1,3})?$/.test(text) && Number(text) > 0, {
      message: "wanted a number above 0, such as 5 or 0.5",
    })
    .transform(Number)
    .optional(),
  ONCEBOX_DELAY: z
    .string()
    .refine((text) => text === "0" || (parseIntervalMs(text) ?? Infinity) <= MOST_DELAY_MS, {
      message: 'wanted an interval of at most 366 days such as "10 minutes", or 0',
    })
    .optional(),
  ONCEBOX_CONCURRENCY: count(1, 1_000).default(10),
  ONCEBOX_HTTP: address('"127.0.0.1:4600", "[::1]:4600" or "0.0.0.0:80"').default(DEFAULT_HTTP),
  ONCEBOX_TOKEN: z
    .string()
    .regex(
      /^[\x21-\x7e]{32,200}$/,
      "wanted at least 32 random characters without spaces, as openssl rand -base64 32 makes them",
    )
    .optional(),
  ONCEBOX_REQUESTS_PER_SECOND: count(1, 100_000).default(200),
  ONCEBOX_LEADS_PER_PHONE: count(0, 100_000).default(10),
  ONCEBOX_SEND_TIMEOUT: interval(MOST_TIMER_MS).default(60_000),
  ONCEBOX_KEEP: z
    .string()
    .refine((text) => (parseIntervalMs(text) ?? 0) >= DAY_MS, {
      message: 'wanted an interval of at least 1 day such as "90 days"',
    })
    .transform((text) => parseIntervalMs(text) ?? DAY_MS)
    .optional(),
  ONCEBOX_METRICS: address('"127.0.0.1:9464", "[::1]:9464" or "0.0.0.0:9464"').optional(),
  ONCEBOX_LEASE: interval(MOST_TIMER_MS).default(180_000),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, { message: `wanted one of ${LOG_LEVELS.join(", ")}` })
    .default("info"),
});

/** Values that are secrets, or hold one: an error says that they are wrong, not what they are. */
const SECRET = new Set([
  ...["DATABASE_URL", "MOBIZON_API_KEY", "MOBIZON_WEBHOOK_SECRET", "ONCEBOX_TOKEN", "SMTP_URL"],
]);

function show(name: string, value: string | undefined): string {
  // An address with a user or a query may hold the key that belongs in MOBIZON_API_KEY.
  if (SECRET.has(name) || /:\/\/.*[@?]/.test(value ?? "")) return "a value that is not shown";
  return JSON.stringify(value);
}

/** What Node prints for these holds whole URLs, and Mobizon's has the API key in it. */
const TELLTALE_SECTIONS = ["undici", "fetch", "http", "http2", "https"];

/** Settings of Node itself that would undo what we promise about TLS and secrets. */
function findUnsafe(env: NodeJS.ProcessEnv): string[] {
  const problems: string[] = [];
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === "0") {
    problems.push(
      'NODE_TLS_REJECT_UNAUTHORIZED: got "0", wanted it unset: anyone on the way could read the API key and every message',
    );
  }
  // As Node reads it: sections between commas, * for anything, in any case.
  const telltale = (env.NODE_DEBUG ?? "").split(",").find((section) => {
    const pattern = section.replaceAll(/[^\w*]/g, "").replaceAll("*", ".*");
    return TELLTALE_SECTIONS.some((it) => new RegExp(`^${pattern}$`, "i").test(it));
  });
  if (telltale !== undefined) {
    problems.push(
      `NODE_DEBUG: got ${JSON.stringify(telltale.trim())}, wanted none of ${TELLTALE_SECTIONS.join(", ")}: they print the API key`,
    );
  }
  return problems;
}

/** What is wrong between two variables that are each good by themselves. */
function findContradictions(it: z.infer<typeof ENVIRONMENT>): string[] {
  const leastLeaseMs = it.ONCEBOX_SEND_TIMEOUT + LEASE_MARGIN_MS;
  if (it.ONCEBOX_LEASE >= leastLeaseMs) return [];
  return [
    `ONCEBOX_LEASE: got ${it.ONCEBOX_LEASE / 1_000} seconds, wanted at least ${leastLeaseMs / 1_000} seconds ` +
      `for an ONCEBOX_SEND_TIMEOUT of ${it.ONCEBOX_SEND_TIMEOUT / 1_000} seconds`,
  ];
}

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
  const problems = parsed.success
    ? findContradictions(parsed.data)
    : parsed.error.issues.map((issue) => {
        const name = String(issue.path[0]);
        return `${name}: got ${show(name, given[name])}, ${issue.message}`;
      });
  if (given.SMTP_URL !== undefined && given.MAIL_FROM === undefined) {
    problems.push(
      'MAIL_FROM: not set although SMTP_URL is, wanted one address such as "ProfTest <info@example.kz>"',
    );
  }
  problems.push(...findUnsafe(env));
  if (!parsed.success || problems.length > 0) {
    throw invalid(problems.join("; "), "Correct it in the environment and start again.");
  }
  const it = parsed.data;
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
    balanceWarn: it.MOBIZON_BALANCE_WARN ?? null,
    webhookSecrets: it.MOBIZON_WEBHOOK_SECRET ?? [],
    emailUnknown: it.EMAIL_UNKNOWN,
    smsPerSecond: it.ONCEBOX_SMS_PER_SECOND ?? null,
    delay: it.ONCEBOX_DELAY ?? null,
    keepMs: it.ONCEBOX_KEEP ?? null,
    http: {
      ...it.ONCEBOX_HTTP,
      token: it.ONCEBOX_TOKEN ?? null,
      requestsPerSecond: it.ONCEBOX_REQUESTS_PER_SECOND,
      leadsPerPhone: it.ONCEBOX_LEADS_PER_PHONE === 0 ? null : it.ONCEBOX_LEADS_PER_PHONE,
    },
    metrics: it.ONCEBOX_METRICS ?? null,
    concurrency: it.ONCEBOX_CONCURRENCY,
    sendTimeoutMs: it.ONCEBOX_SEND_TIMEOUT,
    leaseMs: it.ONCEBOX_LEASE,
    logLevel: it.LOG_LEVEL,
  });
}

/** What pm2 tells the processes that it starts, as it writes it; null for others. */
export function readPm2(
  env: NodeJS.ProcessEnv = process.env,
): { readonly killTimeout: string | null } | null {
  return env.pm_id === undefined ? null : { killTimeout: env.kill_timeout ?? null };
}

/** @throws OnceboxError `ONCEBOX_CONFIG_INVALID` when DATABASE_URL is not set. */
export function requireDatabaseUrl(config: Pick<Config, "databaseUrl">): string {
  if (config.databaseUrl !== null) return config.databaseUrl;
  throw invalid(
    "DATABASE_URL is not set, wanted a URL such as postgres://user:password@host:5432/database",
    "Set it, or try everything without one: oncebox dev",
  );
}

function invalid(message: string, hint: string): OnceboxError {
  return new OnceboxError("ONCEBOX_CONFIG_INVALID", message, { hint });
}
