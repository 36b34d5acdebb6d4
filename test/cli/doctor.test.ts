import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Kysely, PostgresDialect, sql } from "kysely";
import { describe, expect } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import type { Check } from "../../src/inspect/checks.ts";
import { checkDurability, checkVersion, readSettings } from "../../src/inspect/settings.ts";
import { startPostgres } from "../../src/sandbox/postgres.ts";
import { oncebox, run } from "../db/support/oncebox.ts";
import { openPool } from "../support/database.ts";
import { makeLeads, register } from "../support/leads.ts";
import { makeNotification, makeWorker } from "../support/make.ts";
import { test as base } from "../support/running.ts";
import { until } from "../support/until.ts";
import { Workers } from "../support/worker-process.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

interface Report {
  readonly exitCode: number;
  check(name: string): Check | undefined;
  /** The names of those that are not ok. */
  readonly found: readonly string[];
}

interface Examining {
  /** Asks doctor about the test's database. */
  readonly doctor: (args?: readonly string[], env?: Record<string, string>) => Promise<Report>;
  /** Sets it for every session of the test's database. */
  readonly setDefault: (setting: string, value: string) => Promise<void>;
}

const test = base.extend<Examining>({
  doctor: async ({ databaseUrl }, use) => {
    await use(async (args = [], env = {}) =>
      reportOf(await oncebox(["doctor", "--json", ...args], { DATABASE_URL: databaseUrl, ...env })),
    );
  },
  setDefault: async ({ databaseUrl, pool }, use) => {
    const database = new URL(databaseUrl).pathname.slice(1);
    await use(async (setting, value) => {
      await pool.query(`alter database ${database} set ${setting} = '${value}'`);
    });
  },
});

function reportOf({ exitCode, stdout }: { exitCode: number; stdout: string }): Report {
  const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
  return {
    exitCode,
    check: (name) => checks.find((it) => it.name === name),
    found: checks.filter((it) => it.status !== "ok").map((it) => it.name),
  };
}

describe("a healthy set-up", () => {
  test("raises no alarm, gateways included, with work done and work to come", async ({
    gateways,
  }) => {
    // The tests' own server is made to be fast and not safe.
    await using server = await startPostgres({ settings: { tcp_keepalives_idle: "60" } });
    const pool = openPool(server.url);
    try {
      await migrate(pool);
      await using workers = new Workers(server.url, gateways);
      await workers.start();
      const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
      await register(db, makeLeads(3));
      const later = new Date(Date.now() + 3_600_000);
      await register(
        db,
        makeLeads(1, { phone: "+77017654321", idempotencyKey: "later", dueAt: later }),
      );
      await until("the first are sent and a sweep ran", async () => {
        const { rows } = await pool.query(
          "select sent = 6 and last_sweep_at is not null as yes from oncebox.health",
        );
        return rows[0].yes;
      });

      const { exitCode, found } = reportOf(
        await oncebox(["doctor", "--json", "--provider"], {
          DATABASE_URL: server.url,
          MOBIZON_API_URL: gateways.mobizonUrl,
          MOBIZON_API_KEY: gateways.mobizonApiKey,
          SMTP_URL: gateways.smtpUrl,
          MAIL_FROM: "info@example.kz",
          pm_id: "0",
          kill_timeout: "75000",
        }),
      );

      expect([exitCode, found]).toEqual([0, []]);
    } finally {
      await pool.end();
    }
  });
});

describe("the server's settings", () => {
  const faults: readonly [
    setting: string,
    value: string,
    check: string,
    status: string,
    remedy: RegExp,
  ][] = [
    ["synchronous_commit", "off", "durability", "warn", /synchronous_commit|fsync/],
    ["statement_timeout", "500ms", "timeouts", "warn", /set statement_timeout = '30s'/],
    ["lock_timeout", "1s", "timeouts", "warn", /set lock_timeout = '30s'/],
    ["idle_in_transaction_session_timeout", "2s", "timeouts", "warn", /set idle_in_transaction/],
    ["default_transaction_isolation", "serializable", "timeouts", "warn", /'read committed'/],
    ["default_transaction_read_only", "on", "timeouts", "fail", /reset default_transaction_read/],
    ["tcp_keepalives_idle", "7200", "keepalive", "warn", /set tcp_keepalives_idle = 60/],
  ];
  for (const [setting, value, name, status, remedy] of faults) {
    test(`${setting} = ${value} is found`, async ({ doctor, setDefault }) => {
      await setDefault(setting, value);

      const { exitCode, check } = await doctor();

      expect(check(name)).toMatchObject({
        status,
        means: expect.stringContaining(setting === "tcp_keepalives_idle" ? "120 min" : setting),
        remedy: expect.stringMatching(remedy),
      });
      expect(exitCode).toBe(status === "fail" ? 1 : 0);
    });
  }

  test("that are long enough, or well, raise no alarm", async ({ doctor, setDefault }) => {
    await setDefault("statement_timeout", "60s");
    await setDefault("idle_in_transaction_session_timeout", "5min");
    await setDefault("idle_session_timeout", "10s");
    await setDefault("tcp_keepalives_idle", "60");

    const { check } = await doctor();

    for (const name of ["timeouts", "keepalive", "connection", "version"]) {
      expect(check(name), name).toMatchObject({ status: "ok", remedy: null });
    }
  });

  test("fsync, full_page_writes and a version that is too old are found", async ({ db }) => {
    const settings = { ...(await readSettings(db)), synchronousCommit: "on", fullPageWrites: "on" };

    expect(checkDurability({ ...settings, fsync: "on" }).status).toBe("ok");
    expect(checkDurability({ ...settings, fsync: "off" })).toMatchObject({
      status: "warn",
      remedy: expect.stringContaining("fsync = on"),
    });
    expect(checkDurability({ ...settings, fsync: "on", fullPageWrites: "off" }).status).toBe(
      "warn",
    );
    expect(checkVersion(settings).status).toBe("ok");
    expect(checkVersion({ ...settings, versionNumber: 140_012 }).status).toBe("fail");
  });
});

describe("the clock", () => {
  for (const [what, hours] of [
    ["ahead of", 1],
    ["behind", -1],
  ] as const) {
    test(`of this machine is found when it is ${what} the database's`, async ({ doctor }) => {
      const shifted = `const D = Date; globalThis.Date = class extends D {
        constructor(...given) { if (given.length > 0) super(...given); else super(D.now() + ${hours * 3_600_000}); }
        static now() { return D.now() + ${hours * 3_600_000}; } };`;
      const preload = `--import=data:text/javascript,${encodeURIComponent(shifted)}`;

      const { check } = await doctor([], { NODE_OPTIONS: preload });

      expect(check("clock")).toMatchObject({
        status: "warn",
        remedy: expect.stringContaining("NTP"),
      });
      expect(check("clock")?.means).toMatch(new RegExp(`3[56]\\d\\d s ${what} the database's`));
    });
  }

  test("that agrees raises no alarm", async ({ doctor }) => {
    expect((await doctor()).check("clock")).toMatchObject({ status: "ok" });
  });
});

describe("the rules", () => {
  const breaks: readonly [rule: string, act: (db: Kysely<unknown>) => Promise<unknown>][] = [
    [
      "flag_down",
      async (db) => {
        await makeNotification(db, { state: "sent" });
        await sql`update public.landing_leads set sms_sent = false`.execute(db);
      },
    ],
    [
      "claimed_without_attempt",
      async (db) => {
        await makeNotification(db, { state: "claimed" });
        await sql`delete from oncebox.attempt`.execute(db);
      },
    ],
    [
      "attempt_without_claim",
      async (db) => {
        await makeNotification(db, { state: "failed" });
        await sql`update oncebox.attempt set ended_at = null, outcome = null`.execute(db);
      },
    ],
    [
      "sent_without_proof",
      async (db) => {
        await makeNotification(db, { state: "sent" });
        await sql`delete from oncebox.attempt`.execute(db);
      },
    ],
    [
      "accepted_but_not_sent",
      async (db) => {
        await makeNotification(db, { state: "failed" });
        await sql`update oncebox.attempt set outcome = 'accepted'`.execute(db);
      },
    ],
    [
      "accepted_twice",
      async (db) => {
        await makeNotification(db, { state: "sent", attempt: 2 });
        await sql`
          update oncebox.attempt set outcome = 'unknown', code = 'accepted_twice' where attempt = 1`.execute(
          db,
        );
      },
    ],
  ];
  for (const [rule, act] of breaks) {
    test(`are broken by ${rule}, and by no other`, async ({ db, doctor }) => {
      await act(db);

      const { exitCode, check } = await doctor();

      expect(exitCode).toBe(1);
      expect(check("rules")).toMatchObject({
        status: "fail",
        means: expect.stringMatching(new RegExp(`: ${rule}: 1, such as notification \\d+$`)),
        remedy: expect.stringContaining("oncebox.broken_rules"),
      });
    });
  }

  test("are broken by no state that oncebox itself makes, nor by who was erased", async ({
    db,
    doctor,
  }) => {
    for (const state of ["pending", "claimed", "sent", "failed", "unknown", "cancelled"] as const) {
      await makeNotification(db, { state });
      await makeNotification(db, { state, channel: "email" });
    }
    await sql`
      select oncebox.erase_lead(lead_id, 'test') from oncebox.notification where state in ('sent', 'unknown')`.execute(
      db,
    );

    expect((await doctor()).check("rules")).toMatchObject({ status: "ok" });
  });
});

describe("the jobs", () => {
  const faults: readonly [what: string, change: string, status: string, means: RegExp][] = [
    [
      "that are missing",
      "delete from graphile_worker._private_jobs",
      "fail",
      /1 notifications are due .* no job/,
    ],
    [
      "that nobody holds",
      "update graphile_worker._private_jobs set locked_at = now(), locked_by = 'ghost'",
      "warn",
      /1 are taken by a worker that is not alive/,
    ],
    [
      "that were given up",
      "update graphile_worker._private_jobs set attempts = max_attempts",
      "warn",
      /1 were given up/,
    ],
    [
      "that wait for long",
      "update graphile_worker._private_jobs set run_at = now() - interval '2 hours'",
      "warn",
      /1 jobs wait, the oldest for 2 h/,
    ],
  ];
  for (const [what, change, status, means] of faults) {
    test(`${what} are found`, async ({ db, pool, doctor }) => {
      await makeNotification(db, { dueInMs: -120_000 });
      await pool.query(change);

      expect((await doctor()).check("jobs")).toMatchObject({
        status,
        means: expect.stringMatching(means),
        remedy: expect.stringContaining("jobs_and_rows.sql"),
      });
    });
  }

  test("that wait for their time raise no alarm", async ({ db, doctor }) => {
    await makeNotification(db, { dueInMs: 3_600_000 });

    expect((await doctor()).check("jobs")).toMatchObject({ status: "ok" });
  });
});

describe("the schema", () => {
  for (const [what, change, named] of [
    ["a dropped index", "drop index oncebox.notification_due", "index oncebox.notification_due"],
    [
      "a changed function",
      "create or replace function oncebox.reference(notification_id bigint) returns text language sql stable as 'select null::text'",
      "function oncebox.reference",
    ],
  ] as const) {
    test(`that somebody changed is found: ${what}`, async ({ db, doctor }) => {
      await sql.raw(change).execute(db);
      const { exitCode, check } = await doctor();
      expect(exitCode).toBe(1);
      expect(check("drift")).toMatchObject({ status: "fail" });
      expect(check("drift")?.means).toContain(named);
    });
  }

  test("that has an index of somebody's own beside ours raises no alarm", async ({
    db,
    doctor,
  }) => {
    await sql`create index mine on oncebox.notification (created_at)`.execute(db);
    expect((await doctor()).check("drift")?.status).toBe("ok");
  });

  test("whose functions everybody may execute is found", async ({ db, doctor }) => {
    await sql`grant execute on function oncebox.cancel to public`.execute(db);
    const { exitCode, check } = await doctor();
    expect(exitCode).toBe(1);
    expect(check("roles")?.means).toContain("oncebox.cancel");
  });
});

test("a sweep that stands still is found, though workers are alive", async ({ db, doctor }) => {
  await makeWorker(db);
  await sql`update oncebox.last_sweep set at = now() - interval '5 minutes'`.execute(db);

  expect((await doctor()).check("sweep")).toMatchObject({
    status: "fail",
    means: expect.stringContaining("5 min ago"),
  });
});

describe("pm2", () => {
  async function doctorIn(databaseUrl: string, file: string, text: string): Promise<Report> {
    const folder = await mkdtemp(join(tmpdir(), "oncebox-pm2-"));
    try {
      await writeFile(join(folder, file), text);
      const inFolder = ["-c", 'cd "$1" && shift && exec "$@"', "sh", folder];
      return reportOf(
        await run("sh", [...inFolder, process.execPath, MAIN, "doctor", "--json"], {
          DATABASE_URL: databaseUrl,
        }),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  const app = (more: string) =>
    `module.exports = { apps: [{ name: "site", script: "site.js" }, { name: "sms", script: "npx", args: "oncebox worker"${more} }] };`;

  test("that kills before a send is over is found in the ecosystem file", async ({
    databaseUrl,
  }) => {
    const unset = await doctorIn(databaseUrl, "ecosystem.config.cjs", app(""));
    const short = await doctorIn(
      databaseUrl,
      "ecosystem.config.json",
      '[{ "script": "./node_modules/oncebox/dist/cli/main.js", "kill_timeout": 5000 }]',
    );

    expect(unset.check("pm2")).toMatchObject({
      status: "warn",
      means: expect.stringContaining("kills sms after 1.6 s, and a send may take 60 s"),
      remedy: expect.stringContaining("kill_timeout: 75000"),
    });
    expect(short.check("pm2")?.means).toContain("kills oncebox after 5 s");
  });

  test("that waits long enough, and one that does not run oncebox, raise no alarm", async ({
    databaseUrl,
  }) => {
    const good = await doctorIn(databaseUrl, "ecosystem.config.cjs", app(", kill_timeout: 75_000"));
    const other = await doctorIn(
      databaseUrl,
      "ecosystem.config.cjs",
      'module.exports = { apps: [{ name: "site", script: "site.js" }] };',
    );

    expect(good.check("pm2")).toMatchObject({ status: "ok" });
    expect(other.check("pm2")).toBeUndefined();
  });

  test("whose file cannot be read is said", async ({ databaseUrl }) => {
    const { check } = await doctorIn(databaseUrl, "ecosystem.config.cjs", "throw new Error('oh');");

    expect(check("pm2")).toMatchObject({ status: "warn", means: expect.stringContaining("oh") });
  });

  test("is found in the environment of what it started", async ({ doctor }) => {
    const { check } = await doctor([], { pm_id: "3" });

    expect(check("pm2")?.means).toContain("kills this process after 1.6 s");
    expect((await doctor()).check("pm2")).toBeUndefined();
  });
});

describe("oncebox doctor --provider", () => {
  test("tries both gateways, sends nothing and leaves nothing behind", async ({
    gateways,
    doctor,
  }) => {
    const { check } = await doctor(["--provider"], {
      MOBIZON_API_URL: gateways.mobizonUrl,
      MOBIZON_API_KEY: gateways.mobizonApiKey,
      SMTP_URL: gateways.smtpUrl,
      MAIL_FROM: "info@example.kz",
    });

    expect(check("Mobizon")).toMatchObject({
      status: "ok",
      means: expect.stringMatching(
        /^balance: [\d.]+ KZT; create a draft: campaign \d+; look it up: status NEW; delete it: gone$/,
      ),
    });
    expect(check("mail server")).toMatchObject({
      status: "ok",
      means: expect.stringMatching(/^connect: EHLO/),
    });
    expect(await gateways.messages()).toEqual({ sms: [], email: [] });
    const { counts } = await gateways.requests();
    expect(counts).toEqual({
      "user/getOwnBalance": { 0: 1 },
      "campaign/create": { 0: 1 },
      "campaign/getInfo": { 0: 1 },
      "campaign/delete": { 0: 1 },
    });
  });

  const faults: readonly [method: string, code: number, step: RegExp][] = [
    ["user/getOwnBalance", 8, /^balance failed: mobizon_8/],
    ["campaign/create", 9, /^create a draft failed: mobizon_9/],
    ["campaign/getInfo", 2, /^look it up failed: it is not there/],
    ["campaign/delete", 10, /^delete it failed: campaign \d+ could not be deleted/],
  ];
  for (const [method, code, means] of faults) {
    test(`finds that ${method} is refused`, async ({ gateways, doctor }) => {
      await gateways.addSmsFault({
        match: { method },
        times: "always",
        fault: { accept: false, answer: "code", code },
      });

      const { exitCode, check } = await doctor(["--provider"], {
        MOBIZON_API_URL: gateways.mobizonUrl,
        MOBIZON_API_KEY: gateways.mobizonApiKey,
      });

      expect(exitCode).toBe(1);
      expect(check("Mobizon")).toMatchObject({
        status: "fail",
        means: expect.stringMatching(means),
      });
      expect(check("mail server")).toMatchObject({ status: "warn" });
    });
  }

  test("finds a mail server that is not there, and one that offers no TLS where it is wanted", async ({
    gateways,
    doctor,
  }) => {
    const plain = new URL(gateways.smtpUrl);
    plain.searchParams.set("requireTLS", "true");
    const env = { MAIL_FROM: "info@example.kz" };

    const away = await doctor(["--provider"], { ...env, SMTP_URL: "smtp://127.0.0.1:1" });
    const noTls = await doctor(["--provider"], { ...env, SMTP_URL: plain.href });

    expect(away.check("mail server")).toMatchObject({
      status: "fail",
      means: expect.stringMatching(/^connect failed: ECONNREFUSED|^connect failed: ESOCKET/),
    });
    expect(noTls.check("mail server")).toMatchObject({
      status: "fail",
      means: expect.stringMatching(/^connect failed: /),
    });
    expect([away.exitCode, noTls.exitCode]).toEqual([1, 1]);
  });
});
