import { describe, expect } from "vitest";
import { type Config, readConfig, requireDatabaseUrl } from "../src/config.ts";
import { test } from "./support/fixture.ts";

const CANARY = "canary-5ecret";

const MAIL = { SMTP_URL: "smtps://mail.example.kz", MAIL_FROM: "info@example.kz" };

function read(env: Readonly<Record<string, string>>): Config {
  return readConfig({}, env);
}

/** What is wrong with an environment, a line a variable. */
function problemsOf(env: Readonly<Record<string, string>>): string[] {
  try {
    read(env);
  } catch (error) {
    expect(error).toMatchObject({
      code: "ONCEBOX_CONFIG_INVALID",
      hint: expect.stringContaining("environment"),
    });
    return (error as Error).message.split("; ");
  }
  return [];
}

describe("an environment without a single variable", () => {
  test("is good: no database, both channels off, the defaults", () => {
    expect(read({})).toEqual({
      databaseUrl: null,
      mobizon: null,
      smtp: null,
      balanceWarn: null,
      webhookSecrets: [],
      emailUnknown: "hold",
      smsPerSecond: null,
      delay: null,
      keepMs: null,
      http: {
        host: "127.0.0.1",
        port: 4_600,
        token: null,
        requestsPerSecond: 200,
        leadsPerPhone: 10,
      },
      metrics: null,
      concurrency: 10,
      sendTimeoutMs: 60_000,
      leaseMs: 180_000,
      logLevel: "info",
    });
  });

  test("says so as soon as a database is wanted", () => {
    expect(() => requireDatabaseUrl(read({}))).toThrow(
      expect.objectContaining({
        code: "ONCEBOX_CONFIG_INVALID",
        message: expect.stringContaining("DATABASE_URL is not set"),
        hint: expect.stringContaining("oncebox dev"),
      }),
    );
  });

  test("is the same as one whose variables are all empty", () => {
    const names = [
      "DATABASE_URL",
      "MOBIZON_API_URL",
      "MOBIZON_API_KEY",
      "MOBIZON_SENDER",
      "MOBIZON_SEND_MODE",
      "SMTP_URL",
      "MAIL_FROM",
      "ONCEBOX_DELAY",
      "ONCEBOX_HTTP",
      "ONCEBOX_TOKEN",
      "ONCEBOX_REQUESTS_PER_SECOND",
      "ONCEBOX_LEADS_PER_PHONE",
      "ONCEBOX_CONCURRENCY",
      "ONCEBOX_SEND_TIMEOUT",
      "ONCEBOX_LEASE",
      "ONCEBOX_METRICS",
      "LOG_LEVEL",
    ];

    expect(read(Object.fromEntries(names.map((name) => [name, ""])))).toEqual(read({}));
  });

  test("takes a command's defaults, and a variable that is set over them", () => {
    const defaults = { LOG_LEVEL: "warn", ONCEBOX_DELAY: "10 seconds" };

    const config = readConfig(defaults, { LOG_LEVEL: "", ONCEBOX_DELAY: "1 minute" });

    expect(config).toMatchObject({ logLevel: "warn", delay: "1 minute" });
  });
});

describe("a good value", () => {
  const good: readonly [env: Record<string, string>, config: object][] = [
    [{ EMAIL_UNKNOWN: "resend" }, { emailUnknown: "resend" }],
    [{ MOBIZON_BALANCE_WARN: "5000" }, { balanceWarn: 5_000 }],
    [{ MOBIZON_BALANCE_WARN: "0.5" }, { balanceWarn: 0.5 }],
    [{ MOBIZON_WEBHOOK_SECRET: "0123456789abcdef" }, { webhookSecrets: ["0123456789abcdef"] }],
    [
      { MOBIZON_WEBHOOK_SECRET: "new-0123456789ab, old-0123456789ab" },
      { webhookSecrets: ["new-0123456789ab", "old-0123456789ab"] },
    ],
    [{ ONCEBOX_METRICS: "127.0.0.1:9464" }, { metrics: { host: "127.0.0.1", port: 9_464 } }],
    [{ ONCEBOX_METRICS: "[::1]:0" }, { metrics: { host: "::1", port: 0 } }],
    [{ ONCEBOX_METRICS: "worker-1.lan:80" }, { metrics: { host: "worker-1.lan", port: 80 } }],
    [{ ONCEBOX_SMS_PER_SECOND: "0.5" }, { smsPerSecond: 0.5 }],
    [{ DATABASE_URL: "postgres://a:b@db/x" }, { databaseUrl: "postgres://a:b@db/x" }],
    [{ DATABASE_URL: "postgresql:///x?host=/tmp" }, { databaseUrl: "postgresql:///x?host=/tmp" }],
    [
      { MOBIZON_API_KEY: "kz0" },
      {
        mobizon: {
          apiUrl: "https://api.mobizon.kz",
          apiKey: "kz0",
          sender: null,
          mode: "campaign",
        },
      },
    ],
    [
      {
        MOBIZON_API_KEY: "kz0",
        MOBIZON_API_URL: "http://127.0.0.1:4601",
        MOBIZON_SENDER: "ProfTest",
        MOBIZON_SEND_MODE: "message",
      },
      {
        mobizon: {
          apiUrl: "http://127.0.0.1:4601",
          apiKey: "kz0",
          sender: "ProfTest",
          mode: "message",
        },
      },
    ],
    [MAIL, { smtp: { url: "smtps://mail.example.kz", from: "info@example.kz" } }],
    [
      { SMTP_URL: "smtp://127.0.0.1", MAIL_FROM: "ProfTest <info@example.kz>" },
      { smtp: { url: "smtp://127.0.0.1", from: "ProfTest <info@example.kz>" } },
    ],
    // Someone's sender without a server is no mistake: email is off.
    [{ MAIL_FROM: "info@example.kz" }, { smtp: null }],
    [{ ONCEBOX_HTTP: "0.0.0.0:80" }, { http: { host: "0.0.0.0", port: 80 } }],
    [{ ONCEBOX_HTTP: "[::1]:4600" }, { http: { host: "::1", port: 4_600 } }],
    [{ ONCEBOX_TOKEN: "a".repeat(32) }, { http: { token: "a".repeat(32) } }],
    [{ ONCEBOX_LEADS_PER_PHONE: "0" }, { http: { leadsPerPhone: null } }],
    [{ ONCEBOX_DELAY: "0" }, { delay: "0" }],
    [{ ONCEBOX_DELAY: "366 days" }, { delay: "366 days" }],
    [{ ONCEBOX_CONCURRENCY: "1" }, { concurrency: 1 }],
    [{ ONCEBOX_CONCURRENCY: "1000" }, { concurrency: 1_000 }],
    [{ ONCEBOX_SEND_TIMEOUT: "1.1 seconds" }, { sendTimeoutMs: 1_100 }],
    [{ ONCEBOX_SEND_TIMEOUT: "20 s", ONCEBOX_LEASE: "30 s" }, { leaseMs: 30_000 }],
    [{ ONCEBOX_LEASE: "24 hours" }, { leaseMs: 86_400_000 }],
    [{ LOG_LEVEL: "silent" }, { logLevel: "silent" }],
  ];
  for (const [env, config] of good) {
    test(`of ${JSON.stringify(env)} is taken`, () => {
      expect(read(env)).toMatchObject(config);
    });
  }
});

describe("a wrong value", () => {
  const wrong: readonly [name: string, value: string, problem: string | RegExp][] = [
    ["DATABASE_URL", "db.example.kz", /wanted a URL such as postgres:\/\//],
    ["DATABASE_URL", "mysql://db.example.kz", /wanted a URL such as postgres:\/\//],
    ["MOBIZON_API_URL", "api.mobizon.kz", /got "api.mobizon.kz", wanted a URL such as https:/],
    ["MOBIZON_API_URL", "file:///etc/passwd", /wanted a URL such as https:/],
    ["MOBIZON_API_KEY", "kz0\n", /wanted the key .* without spaces or line breaks/],
    ["MOBIZON_SENDER", "ProfTestKazakhstan", /wanted a sender id of at most 11 characters/],
    ["MOBIZON_SEND_MODE", "fast", /got "fast", wanted campaign or message/],
    ["MOBIZON_BALANCE_WARN", "-5", /got "-5", wanted a number of the account's currency/],
    ["MOBIZON_BALANCE_WARN", "5 000", /wanted a number/],
    ["MOBIZON_BALANCE_WARN", "1e9", /wanted a number/],
    ["MOBIZON_WEBHOOK_SECRET", "too-short", /wanted a secret of at least 16 characters, or two/],
    ["MOBIZON_WEBHOOK_SECRET", "0123456789abcdef,", /wanted a secret/],
    ["MOBIZON_WEBHOOK_SECRET", "0123456789abcdef,short", /wanted a secret/],
    ["MOBIZON_WEBHOOK_SECRET", Array(3).fill("0123456789abcdef").join(), /wanted a secret/],
    ["SMTP_URL", "https://mail.example.kz", /wanted a URL such as smtps:\/\//],
    ["MAIL_FROM", "info", /got "info", wanted one address/],
    ["MAIL_FROM", "a@example.kz, b@example.kz", /wanted one address/],
    ["MAIL_FROM", "a@example.kz\r\nBcc: b@example.kz", /wanted one address/],
    ["ONCEBOX_DELAY", "soon", /got "soon", wanted an interval of at most 366 days/],
    ["ONCEBOX_DELAY", "-10 minutes", /wanted an interval/],
    ["ONCEBOX_DELAY", "10", /wanted an interval/],
    ["ONCEBOX_DELAY", "367 days", /wanted an interval of at most 366 days/],
    ["ONCEBOX_CONCURRENCY", "0", /got "0", wanted a whole number from 1 to 1000/],
    ["ONCEBOX_CONCURRENCY", "1001", /wanted a whole number from 1 to 1000/],
    ["ONCEBOX_CONCURRENCY", "1.5", /wanted a whole number from 1 to 1000/],
    ["ONCEBOX_CONCURRENCY", "1e2", /wanted a whole number from 1 to 1000/],
    ["ONCEBOX_HTTP", "4600", /got "4600", wanted an address such as "127.0.0.1:4600"/],
    ["ONCEBOX_HTTP", "127.0.0.1:70000", /wanted an address/],
    ["ONCEBOX_HTTP", "::1:4600", /wanted an address/],
    ["ONCEBOX_TOKEN", "short", /got a value that is not shown, wanted at least 32 random/],
    ["ONCEBOX_LEADS_PER_PHONE", "-1", /wanted a whole number from 0/],
    ["ONCEBOX_SEND_TIMEOUT", "60", /got "60", wanted an interval of at most 24 hours/],
    ["ONCEBOX_SEND_TIMEOUT", "0 seconds", /wanted an interval/],
    // A timer of 50 days fires at once.
    ["ONCEBOX_SEND_TIMEOUT", "50 days", /wanted an interval of at most 24 hours/],
    ["ONCEBOX_METRICS", "9464", /got "9464", wanted an address such as "127.0.0.1:9464"/],
    ["ONCEBOX_METRICS", "127.0.0.1:65536", /wanted an address/],
    ["ONCEBOX_METRICS", "http://127.0.0.1:9464", /wanted an address/],
    ["ONCEBOX_LEASE", "for ever", /got "for ever", wanted an interval/],
    ["LOG_LEVEL", "verbose", /got "verbose", wanted one of debug, info/],
  ];
  for (const [name, value, problem] of wrong) {
    test(`of ${name} is refused: ${JSON.stringify(value)}`, () => {
      const env = name === "SMTP_URL" ? { ...MAIL, [name]: value } : { [name]: value };

      expect(problemsOf(env)).toEqual([expect.stringMatching(problem)]);
      expect(problemsOf(env)[0]).toMatch(new RegExp(`^${name}: got `));
    });
  }

  test("is named beside every other one, in one error", () => {
    const problems = problemsOf({
      ...Object.fromEntries(wrong.map(([name, value]) => [name, value])),
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
      NODE_DEBUG: "undici",
    });

    const names = [...new Set(wrong.map(([name]) => name))];
    expect(problems.map((it) => it.slice(0, it.indexOf(":")))).toEqual([
      ...names,
      "NODE_TLS_REJECT_UNAUTHORIZED",
      "NODE_DEBUG",
    ]);
  });

  test("of a variable that holds a secret is not shown", () => {
    const problems = problemsOf({
      DATABASE_URL: `mysql://u:${CANARY}@db`,
      MOBIZON_API_KEY: `${CANARY} `,
      MOBIZON_API_URL: `ftp://api.example?apiKey=${CANARY}`,
      MOBIZON_WEBHOOK_SECRET: CANARY.slice(0, 15),
      SMTP_URL: `u:${CANARY}@mail`,
      MAIL_FROM: "",
    });

    expect(problems).toHaveLength(6);
    expect(problems.join()).not.toContain(CANARY.slice(0, 11));
  });

  test("leaves no secret in the error beside it", () => {
    const env = {
      DATABASE_URL: `postgres://u:${CANARY}@db/x`,
      MOBIZON_API_KEY: CANARY,
      SMTP_URL: `smtps://u:${CANARY}@mail`,
      LOG_LEVEL: "verbose",
    };

    expect(problemsOf(env).join()).not.toContain(CANARY);
    expect(problemsOf(env)).toHaveLength(2);
  });
});

describe("two values that do not go together", () => {
  test("are a server for email without a sender", () => {
    expect(problemsOf({ SMTP_URL: MAIL.SMTP_URL })).toEqual([
      'MAIL_FROM: not set although SMTP_URL is, wanted one address such as "ProfTest <info@example.kz>"',
    ]);
  });

  test("are a lease that runs out while an answer is written down, with both numbers", () => {
    expect(problemsOf({ ONCEBOX_SEND_TIMEOUT: "20 s", ONCEBOX_LEASE: "29.999 s" })).toEqual([
      "ONCEBOX_LEASE: got 29.999 seconds, wanted at least 30 seconds for an ONCEBOX_SEND_TIMEOUT of 20 seconds",
    ]);
  });
});

describe("a setting of Node", () => {
  test("that switches the check of certificates off is refused", () => {
    expect(problemsOf({ NODE_TLS_REJECT_UNAUTHORIZED: "0" })).toEqual([
      expect.stringMatching(/^NODE_TLS_REJECT_UNAUTHORIZED: got "0", wanted it unset/),
    ]);
    expect(problemsOf({ NODE_TLS_REJECT_UNAUTHORIZED: "1" })).toEqual([]);
  });

  for (const sections of ["undici", "fetch", "HTTP", "timer,http2", "net, https", "*", "und*"]) {
    test(`that would print the API key is refused: NODE_DEBUG=${sections}`, () => {
      expect(problemsOf({ NODE_DEBUG: sections })).toEqual([
        expect.stringMatching(/^NODE_DEBUG: got .* they print the API key$/),
      ]);
    });
  }

  test("that prints no URL is left alone", () => {
    expect(problemsOf({ NODE_DEBUG: "timer,worker,mod*" })).toEqual([]);
  });
});

describe("an interval", () => {
  const units = [
    ...["ms", "msec", "msecs", "millisecond", "milliseconds", "mss", "millis"],
    ...["s", "sec", "secs", "second", "seconds", "ss", "SECONDS"],
    ...["m", "min", "mins", "minute", "minutes", "ms", "Minutes", "mon", "months"],
    ...["h", "hr", "hrs", "hour", "hours", "hs", "d", "day", "days", "ds", "w", "week", "year"],
  ];
  const texts = [
    ...units.flatMap((unit) => [`5 ${unit}`, `5${unit}`, `1.5 ${unit}`, `0005 ${unit}`]),
    ...["00:01:30", "0:00:01.5", "00:60:00", "00:00:60", "1:30", "90", "999:00:00", "-00:01:00"],
    ...["1 minute 30 seconds", "30 seconds 1 minute", "1 minute 30s", "1minute30s", "1 hour 1 ms"],
    ...["1 minute 1 minute", "1 s 1 sec", "1 minute 1 m", "1 second 500 ms", "1 day 00:00:10"],
    ...[" 20 seconds ", "20\tseconds", "20\nseconds", "1 minute, 3 s", "20 seconds\n", "20  s"],
    ...["1e3 s", "-5 s", "+5 s", "5 s ago", "PT20S", "P1D", "@ 20 s", "infinity", "one minute"],
    ...[
      "9999999999 d",
      "99999999999 s",
      "0.5 d",
      "0.001 s",
      "0.0001 s",
      "1.0005 s",
      "1.1 s",
      "2.3 h",
    ],
    ...[
      " ",
      "s",
      "5 5 s",
      "5 s s",
      "5.s",
      ".5 s",
      "5,5 s",
      "5\u00a0s",
      "\u00a05 s",
      "0\u00a0",
      "５ s",
    ],
  ];

  test("that is taken is one that Postgres takes, for the same time", async ({ pool }) => {
    const asDelay = texts.filter((text) => isTaken({ ONCEBOX_DELAY: text }));
    const asTimeout = texts.filter((text) => isTaken(timeoutOf(text)));

    for (const text of new Set([...asDelay, ...asTimeout])) {
      const { rows } = await pool.query<{ ms: number }>(
        "select (extract(epoch from $1::interval) * 1000)::float8 as ms",
        [text],
      );
      if (!asTimeout.includes(text)) continue;
      expect([text, read(timeoutOf(text)).sendTimeoutMs]).toEqual([
        text,
        Math.round(rows[0]?.ms ?? Number.NaN),
      ]);
    }
    expect(asDelay.length).toBeGreaterThan(80);
    expect(asTimeout.length).toBeGreaterThan(80);
  });

  for (const text of ["90 seconds", "1 minute 30 s", "1.5 minutes", "00:01:30", "90000 ms"]) {
    test(`is read as people write it: ${text}`, () => {
      expect(read({ ONCEBOX_LEASE: text }).leaseMs).toBe(90_000);
    });
  }
});

function isTaken(env: Readonly<Record<string, string>>): boolean {
  return problemsOf(env).length === 0;
}

function timeoutOf(text: string): Record<string, string> {
  return { ONCEBOX_SEND_TIMEOUT: text, ONCEBOX_LEASE: "24 hours" };
}
