/**
 * How many leads can be registered over HTTP, how long does one wait, and what do slow clients change?
 *
 *   npm run bench:http                3 rounds of 10 seconds each way, about 2 minutes
 *   npm run bench:http -- --quick     3 rounds of 2 seconds each way
 *   npm run bench:http -- --json      the figures as JSON, after the lines
 *
 * `oncebox serve` runs as shipped, in a process of its own, on embedded Postgres with its default
 * settings. Each round registers leads in four ways, one after the other: `register_lead` in plain SQL,
 * over HTTP from as many connections, over HTTP in batches, and over HTTP again while 1,000 other connections
 * send their headers a byte at a time. The load is made in this process, on the same cores.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import autocannon from "autocannon";
import { migrate } from "../src/db/migrate.ts";
import { createPool } from "../src/db/pool.ts";
import { startPostgres } from "../src/sandbox/postgres.ts";
import { percentile } from "./figures.ts";

const { values: options } = parseArgs({
  options: { quick: { type: "boolean" }, json: { type: "boolean" } },
});
const SECONDS = options.quick ? 2 : 10;
const ROUNDS = 3;
const CONNECTIONS = 10;
const SLOW = 1_000;
const DRIP_MS = 1_000;
const BATCH = 100;
const TOKEN = "a-token-for-the-bench-that-is-long-enough";
const HEADERS = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
const MAIN = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

/** Of one way in one round. */
interface Figures {
  readonly perSecond: number;
  /** Milliseconds; of a batch, for all of it. */
  readonly p50: number;
  readonly p99: number;
}

let leads = 0;

await using postgres = await startPostgres();
const pool = createPool({
  databaseUrl: postgres.url,
  max: CONNECTIONS,
  applicationName: "oncebox bench",
  onIdleError: () => {},
});
await migrate(pool);
const { rows: versions } = await pool.query("show server_version");
const { child, url } = await serve(postgres.url);
const ways = { sql: plainSql, http: overHttp, batch: inBatches, slow: besideSlowOnes } as const;
type Way = keyof typeof ways;
const rounds: Record<Way, Figures>[] = [];
try {
  console.log(
    `${cpus().length} cores, Node ${process.version}, PostgreSQL ${versions[0].server_version}; ${ROUNDS} rounds of ${SECONDS} s, ${CONNECTIONS} connections`,
  );
  await overHttp(1);
  await plainSql(1);
  // As autovacuum does within a minute: plans made for empty tables get slower with every lead.
  await pool.query("analyze");
  for (let round = 1; round <= ROUNDS; round++) {
    const figures = {} as Record<Way, Figures>;
    for (const [way, run] of Object.entries(ways) as [Way, typeof overHttp][]) {
      figures[way] = await run(SECONDS);
      const { perSecond, p50, p99 } = figures[way];
      console.log(
        `round ${round}, ${way}: ${perSecond.toFixed(0)} a second, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
      );
    }
    rounds.push(figures);
  }
} finally {
  child.kill("SIGTERM");
  await once(child, "close");
  await pool.end();
}

for (const way of Object.keys(ways) as Way[]) {
  const of = (figure: keyof Figures) => spread(rounds.map((it) => it[way][figure]));
  console.log(
    `${way}: ${of("perSecond")} a second, p50 ${of("p50")} ms, p99 ${of("p99")} ms (median, minimum to maximum)`,
  );
}
const ratio = (over: Way, under: Way) =>
  spread(rounds.map((it) => (100 * it[over].perSecond) / it[under].perSecond));
console.log(`over HTTP as many as ${ratio("http", "sql")} % of plain SQL`);
console.log(`in batches of ${BATCH} as many as ${ratio("batch", "sql")} % of plain SQL`);
console.log(`beside ${SLOW} slow connections as many as ${ratio("slow", "http")} % of without`);
if (options.json) {
  console.log(
    JSON.stringify({ cores: cpus().length, node: process.version, seconds: SECONDS, rounds }),
  );
}

async function serve(databaseUrl: string) {
  const child = spawn(process.execPath, [MAIN, "serve"], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      ONCEBOX_HTTP: "127.0.0.1:0",
      ONCEBOX_TOKEN: TOKEN,
      ONCEBOX_REQUESTS_PER_SECOND: "100000",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, url } = JSON.parse(line) as { msg: string; url: string };
    if (msg === "serve:started") return { child, url };
  }
  throw new Error("oncebox serve ended before it listened");
}

function nextLead() {
  leads += 1;
  return {
    name: "Айгерим",
    phone: `+7701${String(leads).padStart(7, "0")}`,
    email: `lead${leads}@example.kz`,
    idempotency_key: `bench-${leads}`,
    data: { result_url: `https://example.kz/r/${leads}` },
  };
}

async function plainSql(seconds: number): Promise<Figures> {
  return await loop(seconds, async () => {
    const { name, phone, email, idempotency_key, data } = nextLead();
    await pool.query(
      `select lead_id from oncebox.register_lead(
         name => $1, phone => $2, email => $3, idempotency_key => $4, data => $5)`,
      [name, phone, email, idempotency_key, data],
    );
    return 1;
  });
}

async function overHttp(seconds: number): Promise<Figures> {
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    requests: [
      {
        method: "POST",
        path: "/v1/leads",
        setupRequest: (request) => {
          const { idempotency_key, ...lead } = nextLead();
          return {
            ...request,
            headers: { ...HEADERS, "idempotency-key": idempotency_key },
            body: JSON.stringify(lead),
          };
        },
      },
    ],
  });
  if (result.non2xx + result.errors > 0) {
    throw new Error(`${result.non2xx} were refused, ${result.errors} failed`);
  }
  const { p50, p99 } = result.latency;
  return { perSecond: result["2xx"] / result.duration, p50, p99 };
}

async function inBatches(seconds: number): Promise<Figures> {
  return await loop(seconds, async () => {
    const response = await fetch(`${url}/v1/leads:batch`, {
      method: "POST",
      headers: HEADERS,
      body: JSON.stringify(Array.from({ length: BATCH }, nextLead)),
    });
    const results: unknown = await response.json();
    if (!Array.isArray(results) || results.some((it) => it.created !== true)) {
      throw new Error(`a batch was refused: ${JSON.stringify(results).slice(0, 300)}`);
    }
    return BATCH;
  });
}

/** What is cut for being slow comes again, so that there are always as many. */
async function besideSlowOnes(seconds: number): Promise<Figures> {
  const { hostname, port } = new URL(url);
  const slow = new Set<Socket>();
  let isOver = false;
  const dial = () => {
    const socket = connect(Number(port), hostname);
    slow.add(socket);
    socket.write("POST /v1/leads HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    socket.on("error", () => {});
    socket.resume().on("close", () => {
      slow.delete(socket);
      if (!isOver) dial();
    });
  };
  for (let count = 0; count < SLOW; count++) dial();
  const drip = setInterval(() => {
    for (const socket of slow) socket.write("x");
  }, DRIP_MS);
  try {
    return await overHttp(seconds);
  } finally {
    isOver = true;
    clearInterval(drip);
    for (const socket of slow) socket.destroy();
  }
}

/** From as many connections as the others have, each as soon as it was answered. */
async function loop(seconds: number, register: () => Promise<number>): Promise<Figures> {
  const startedAt = performance.now();
  const times: number[] = [];
  let registered = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (performance.now() - startedAt < seconds * 1_000) {
        const askedAt = performance.now();
        const count = await register();
        registered += count;
        times.push(performance.now() - askedAt);
      }
    }),
  );
  return {
    perSecond: (registered * 1_000) / (performance.now() - startedAt),
    p50: percentile(times, 50),
    p99: percentile(times, 99),
  };
}

function spread(values: readonly number[]): string {
  const [median, least, most] = [percentile(values, 50), Math.min(...values), Math.max(...values)];
  const digits = median < 10 ? 1 : 0;
  return `${median.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}
