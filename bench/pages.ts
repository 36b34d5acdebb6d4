/**
 * How long do the dashboard's pages take, with many notifications and with few?
 *
 *   npm run bench:pages -- --rows 1000000 --rounds 20
 *
 * Fills two databases, one with the rows and one with a hundredth of them: sent, and of every thousand
 * one in doubt, one failed, one cancelled, and twenty that become due within a day. Asks each page of
 * both, in turn, over HTTP, and prints each one's median, minimum and maximum and the ratio of the medians.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import type pg from "pg";
import { migrate } from "../src/db/migrate.ts";
import { createPool } from "../src/db/pool.ts";
import { type Server, startServer } from "../src/http/server.ts";
import { createLogger } from "../src/log.ts";
import { type SandboxPostgres, startPostgres } from "../src/sandbox/postgres.ts";
import { percentile } from "./figures.ts";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "20" },
    json: { type: "boolean", default: false },
  },
});
const rows = Number(values.rows);
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rows) || rows < 1_000) throw new TypeError("--rows wants at least 1000");
if (!Number.isSafeInteger(rounds) || rounds < 3) throw new TypeError("--rounds wants at least 3");

const FILL = [
  `insert into public.landing_leads (id, name, phone, email, sms_sent, sms_sent_at, created_at)
   select gen_random_uuid(), 'Айгерим', '+7701' || lpad(n::text, 7, '0'), 'lead' || n || '@example.kz',
          true, now(), now() - n * interval '1 second'
     from generate_series(1, $1::integer) as n`,
  `insert into oncebox.registration (lead_id, source, idempotency_key, kind, data, fingerprint, created_at)
   select l.id, 'form', l.phone, 'proftest', '{}', '', l.created_at from public.landing_leads as l`,
  `insert into oncebox.notification
     (lead_id, channel, recipient, body, due_at, created_at, state, state_reason, settled_at, attempt, provider_ref)
   select l.id, 'sms', l.phone, 'Текст', case when s.state = 'pending' then now() + n * interval '4 seconds' else l.created_at end,
          l.created_at, s.state, case when s.state in ('failed', 'unknown', 'cancelled') then 'already_sent' end,
          case when s.state in ('sent', 'failed', 'cancelled') then l.created_at + interval '1 second' end, 1, n::text
     from (select l.*, row_number() over (order by l.phone) as n from public.landing_leads as l) as l
    cross join lateral (
      select case when n % 1000 = 1 then 'unknown' when n % 1000 = 2 then 'failed' when n % 1000 = 3 then 'cancelled'
                  when n % 1000 < 24 then 'pending' else 'sent' end) as s (state)`,
  `insert into oncebox.attempt (notification_id, attempt, worker_id, started_at, sending_at, ended_at, outcome)
   select n.id, 1, gen_random_uuid(), n.due_at, n.due_at, n.due_at + interval '1 second',
          case n.state when 'sent' then 'accepted' when 'failed' then 'rejected' else 'unknown' end
     from oncebox.notification as n
    where n.state in ('sent', 'failed', 'unknown')`,
];

const csrf = new Map<string, string>();

async function csrfOf(url: string): Promise<string> {
  const known = csrf.get(url);
  if (known !== undefined) return known;
  const me = (await (await fetch(`${url}/ui/me`)).json()) as { csrf: string };
  csrf.set(url, me.csrf);
  return me.csrf;
}

interface Site extends AsyncDisposable {
  readonly server: Server;
  readonly leadId: string;
}

await using postgres = await startPostgres();
await using parts = new AsyncDisposableStack();
const many = parts.use(await open(postgres, "many", rows));
const few = parts.use(await open(postgres, "few", Math.ceil(rows / 100)));

const PAGES: Readonly<Record<string, (site: Site) => string>> = {
  overview: () => "/ui/overview",
  "people, by number": () => "/ui/people 8 701 0000500",
  "people, nobody": () => "/ui/people 8 702 0000500",
  "one lead": ({ leadId }) => `/ui/leads/${leadId}`,
  "in doubt": () => "/ui/doubt",
  "notifications, newest": () => "/ui/notifications",
  "notifications, failed": () => "/ui/notifications?state=failed",
  "notifications, pending email": () => "/ui/notifications?state=pending&channel=email",
  audit: () => "/ui/acts",
  metrics: () => "/metrics",
};

const took = new Map<string, { many: number[]; few: number[] }>();
for (let round = 0; round <= rounds; round++) {
  process.stderr.write(`\rround ${round} of ${rounds}`);
  for (const [name, path] of Object.entries(PAGES)) {
    const times = took.get(name) ?? { many: [], few: [] };
    took.set(name, times);
    const [manyMs, fewMs] = [await ask(many, path(many)), await ask(few, path(few))];
    // The first round warms both up.
    if (round === 0) continue;
    times.many.push(manyMs);
    times.few.push(fewMs);
  }
}
process.stderr.write("\n");
print();

async function open(server: SandboxPostgres, name: string, count: number): Promise<Site> {
  const admin = poolOn(server.url);
  await admin.query(`create database ${name}`);
  await admin.end();
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const pool = poolOn(url.href);
  await migrate(pool);
  process.stderr.write(`filling ${count} rows\n`);
  for (const statement of FILL)
    await pool.query(statement, statement.includes("$1") ? [count] : []);
  await pool.query("vacuum analyze");
  const { rows: leads } = await pool.query<{ id: string }>(
    "select id from public.landing_leads limit 1",
  );
  const {
    rows: [size],
  } = await pool.query<{ size: string }>(
    "select pg_size_pretty(pg_database_size(current_database())) as size",
  );
  process.stderr.write(`${name}: ${count} notifications, ${size?.size}\n`);
  await pool.end();
  const http = {
    host: "127.0.0.1",
    port: 0,
    token: null,
    requestsPerSecond: 100_000,
    leadsPerPhone: null,
  };
  const started = await startServer({ databaseUrl: url.href, http }, createLogger("silent"));
  return {
    server: started,
    leadId: leads[0]?.id ?? "",
    [Symbol.asyncDispose]: () => started.close(),
  };
}

function poolOn(databaseUrl: string): pg.Pool {
  return createPool({
    databaseUrl,
    max: 2,
    applicationName: "oncebox bench",
    onIdleError: () => {},
  });
}

/** A page as its path, or what is searched for after it. */
async function send({ url }: Server, path: string): Promise<Response> {
  const [page = "", ...query] = path.split(" ");
  if (query.length === 0) return await fetch(url + page);
  return await fetch(url + page, {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": await csrfOf(url) },
    body: JSON.stringify({ q: query.join(" ") }),
  });
}

async function ask({ server }: Site, path: string): Promise<number> {
  const startedAt = performance.now();
  const answer = await send(server, path);
  const body = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${body}`);
  return performance.now() - startedAt;
}

function print(): void {
  const lines = [...took].map(([page, times]) => ({
    page,
    many: figures(times.many),
    few: figures(times.few),
    ratio: percentile(times.many, 50) / percentile(times.few, 50),
  }));
  if (values.json) {
    console.log(
      JSON.stringify({ rows, rounds, cpus: cpus().length, node: process.version, lines }),
    );
    return;
  }
  console.log(
    `${rows} against ${Math.ceil(rows / 100)} notifications, ${rounds} rounds, ${cpus().length} cores, Node ${process.version}`,
  );
  console.log("milliseconds: median (minimum to maximum), and the ratio of the medians\n");
  for (const { page, many: m, few: f, ratio } of lines) {
    const show = (it: typeof m) =>
      `${it.median.toFixed(1)} (${it.least.toFixed(1)} to ${it.most.toFixed(1)})`;
    console.log(
      `${page.padEnd(30)} ${show(m).padEnd(28)} ${show(f).padEnd(28)} ${ratio.toFixed(1)}`,
    );
  }
}

function figures(times: readonly number[]) {
  return {
    median: percentile(times, 50),
    least: Math.min(...times),
    most: Math.max(...times),
  };
}
