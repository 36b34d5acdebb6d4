import { setInterval } from "node:timers/promises";
import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import { expect } from "vitest";
import { type Ended, run } from "../db/support/oncebox.ts";
import { openPool } from "../support/database.ts";
import { countStates, phoneOf, tally } from "../support/leads.ts";
import { test as base, type WorkerProcess } from "../support/running.ts";
import { until } from "../support/until.ts";
import { installPrevious, makeNext, type Release } from "./support/releases.ts";

/** Between two registrations of one caller. */
const PACE_MS = 200;
/** Eight processes of both releases, one after the other: long on a busy machine. */
const TIMEOUT_MS = 300_000;

interface Deploy {
  readonly previous: Release;
  readonly next: Release;
  /** On a database that the previous release has migrated. */
  readonly live: pg.Pool;
}

const test = base.extend<Deploy>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures used from the pattern
  previous: async ({}, use) => {
    await using release = await installPrevious();
    await use(release);
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  next: async ({}, use) => {
    await using release = await makeNext();
    await use(release);
  },
  live: async ({ emptyDatabaseUrl, previous }, use) => {
    expect(await oncebox(previous, ["migrate", "up"], emptyDatabaseUrl)).toMatchObject({
      exitCode: 0,
    });
    const pool = openPool(emptyDatabaseUrl);
    await use(pool);
    await pool.end();
  },
});

async function oncebox(
  { main }: Release,
  args: readonly string[],
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return await run(process.execPath, [main, ...args], { DATABASE_URL: databaseUrl, ...env });
}

type Register = (client: pg.PoolClient, phone: string, email: string) => Promise<unknown>;

/** How programs of both releases register, each in a transaction of its own. */
async function callersOf({ previous, next }: Deploy): Promise<Record<string, Register>> {
  const [old, current] = [await previous.load(), await next.load()];
  return {
    "the previous library": (client, phone, email) =>
      old.registerLead(client, { phone, email, dueAt: new Date() }),
    "the next library": (client, phone, email) =>
      current.registerLead(client, { phone, email, dueAt: new Date() }),
    SQL: (client, phone, email) =>
      client.query(
        "select lead_id, created from oncebox.register_lead(phone => $1, email => $2, due_at => now())",
        [phone, email],
      ),
  };
}

test("the next release's worker refuses the previous schema, and says what to run", async ({
  live: _,
  next,
  emptyDatabaseUrl,
}) => {
  const { exitCode, stderr } = await oncebox(next, ["worker"], emptyDatabaseUrl, {
    SMTP_URL: "smtp://127.0.0.1:1",
    MAIL_FROM: "info@example.kz",
    LOG_LEVEL: "silent",
  });

  expect([exitCode, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^ONCEBOX_SCHEMA_OUTDATED: the database's schema is older than this oncebox\nRun: oncebox migrate up$/m,
    ),
  ]);
});

test("a rolling deploy under load loses nothing and sends nothing twice", {
  timeout: TIMEOUT_MS,
}, async ({
  previous,
  next,
  live,
  emptyDatabaseUrl: DATABASE_URL,
  gateways,
  startWorker,
  signal,
}) => {
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: live }) });
  await gateways.set({ delayMs: 20 });
  const registered: string[] = [];
  let isDeployed = false;

  async function keepRegistering(register: Register): Promise<void> {
    for await (const _ of setInterval(PACE_MS, undefined, { signal })) {
      const phone = phoneOf(registered.length);
      const email = `lead${registered.length}@example.kz`;
      registered.push(phone);
      const client = await live.connect();
      try {
        await client.query("begin");
        await register(client, phone, email);
        await client.query("commit");
      } finally {
        client.release();
      }
      if (isDeployed) break;
    }
  }

  /** Whether a worker of each has sent something since then. */
  async function haveBothSent(since: Date, ...releases: WorkerProcess[][]): Promise<boolean> {
    const { rows } = await live.query<{ pid: number }>(
      `select distinct w.pid from oncebox.attempt as a join oncebox.worker as w on w.id = a.worker_id
        where a.outcome = 'accepted' and a.started_at > $1`,
      [since],
    );
    const pids = rows.map((it) => it.pid);
    return releases.every((it) => it.some(({ child }) => pids.includes(child.pid ?? 0)));
  }

  const olds = [
    await startWorker({ DATABASE_URL }, [previous.main, "worker"]),
    await startWorker({ DATABASE_URL }, [previous.main, "worker"]),
  ];
  const { "the next library": byNext, ...others } = await callersOf({ previous, next, live });
  const load = Object.values(others).map(keepRegistering);
  await olds[0]?.logged("attempt:settled");

  // The deploy, in its order: the schema, then new workers, then the old ones stop.
  const migrated = await oncebox(next, ["migrate", "up", "--json"], DATABASE_URL);
  const { rows: clock } = await live.query<{ at: Date }>("select clock_timestamp() as at");
  load.push(keepRegistering(byNext as Register));
  const news = [
    await startWorker({ DATABASE_URL }, [next.main, "worker"]),
    await startWorker({ DATABASE_URL }, [next.main, "worker"]),
  ];
  // One of the previous release starts again, on a schema that is newer than it.
  olds[0]?.child.kill("SIGTERM");
  const restarted = await startWorker({ DATABASE_URL }, [previous.main, "worker"]);
  olds.push(restarted);
  await until("both releases send on the new schema", () =>
    haveBothSent(clock[0]?.at as Date, [restarted], news),
  );
  isDeployed = true;
  await Promise.all(load);
  for (const { child } of olds) child.kill("SIGTERM");
  const oldsEnded = await Promise.all(olds.map((it) => it.ended));
  await until("every notification is final", async () => {
    const { pending = 0, claimed = 0 } = await countStates(db);
    return pending + claimed === 0;
  });

  expect(migrated).toMatchObject({ exitCode: 0, stderr: "" });
  expect(JSON.parse(migrated.stdout)).toMatchObject({
    applied: expect.arrayContaining(["9999_next"]),
  });
  expect(oldsEnded).toEqual([0, 0, 0]);
  expect(registered.length).toBeGreaterThan(load.length);
  expect(await countStates(db)).toEqual({ sent: 2 * registered.length });
  const everyoneOnce = Object.fromEntries(registered.map((phone) => [phone, 1]));
  const { sms, email } = await gateways.messages();
  expect(tally(sms.map((it) => `+${it.to}`))).toEqual(everyoneOnce);
  expect(tally(email.flatMap((it) => it.to))).toEqual(
    Object.fromEntries(registered.map((_, index) => [`lead${index}@example.kz`, 1])),
  );
});
