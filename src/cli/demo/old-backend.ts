import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { json } from "node:stream/consumers";
import pg from "pg";

// The registration backend as it was before oncebox, played by the demo as a process of its own. The
// fault is left in: nothing here is slowed down or repeated to make it worse. DO NOT COPY.

/** The first line on standard input. When that ends, so does the process. */
export interface OldBackendSettings {
  readonly databaseUrl: string;
  readonly mobizonUrl: string;
  readonly mobizonApiKey: string;
  readonly delayMs: number;
  readonly sweepEveryMs: number;
}

interface Form {
  readonly name: string;
  readonly phone: string;
}

async function runOldBackend(settings: OldBackendSettings): Promise<void> {
  const { delayMs, sweepEveryMs } = settings;
  const pool = new pg.Pool({
    connectionString: settings.databaseUrl,
    allowExitOnIdle: true,
  });

  /** Sender 1: a timer for each registration. */
  async function register({ name, phone }: Form): Promise<void> {
    const { rows } = await pool.query<{ id: string }>(
      "insert into landing_leads (name, phone) values ($1, $2) returning id",
      [name, phone],
    );
    for (const { id } of rows) notifyIn(delayMs, id);
  }

  /** Sender 2: a cron job for what is overdue. */
  async function sweep(): Promise<void> {
    const { rows } = await pool.query<{ id: string }>(
      `select id from landing_leads
        where sms_sent = false and created_at <= now() - $1 * interval '1 millisecond'`,
      [delayMs],
    );
    await Promise.all(rows.map(({ id }) => notify(id)));
  }

  /** Sender 3: at every start, for the timers that the last process took with it. */
  async function recover(): Promise<void> {
    const { rows } = await pool.query<{ id: string; age_ms: number }>(
      `select id, (extract(epoch from now() - created_at) * 1000)::float8 as age_ms
         from landing_leads where sms_sent = false`,
    );
    for (const { id, age_ms } of rows) notifyIn(Math.max(0, delayMs - age_ms), id);
  }

  function notifyIn(ms: number, id: string): void {
    setTimeout(() => notify(id).catch(complain), ms);
  }

  /** What all three do: look, send, and only then write down that it was sent. */
  async function notify(id: string): Promise<void> {
    const { rows } = await pool.query<Form>(
      "select name, phone from landing_leads where id = $1 and sms_sent = false",
      [id],
    );
    const lead = rows[0];
    if (lead === undefined) return;
    await sendSms(settings, lead.phone, `${lead.name}, ваш результат ProfTest готов`);
    await pool.query(
      "update landing_leads set sms_sent = true, sms_sent_at = now() where id = $1",
      [id],
    );
  }

  const server = createServer((request, response) => {
    json(request)
      .then((form) => register(form as Form))
      .then(() => response.writeHead(201).end())
      .catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  await recover();
  const cron = setInterval(() => void sweep().catch(complain), sweepEveryMs);

  // A deploy: no new forms and no more sweeps. What is begun keeps the process alive until it is done.
  process.once("SIGTERM", () => {
    clearInterval(cron);
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}/` })}\n`);
}

async function sendSms(settings: OldBackendSettings, phone: string, text: string): Promise<void> {
  const url = new URL("/service/message/sendSmsMessage", settings.mobizonUrl);
  url.search = `${new URLSearchParams({ output: "json", api: "v1", apiKey: settings.mobizonApiKey })}`;
  const body = new URLSearchParams({ recipient: phone.replace("+", ""), text });
  const response = await fetch(url, { method: "POST", body });
  const { code, message } = (await response.json()) as { code: number; message: string };
  if (code !== 0) throw new Error(`Mobizon answered ${code}: ${message}`);
}

function complain(error: unknown): void {
  console.error(error);
}

if (import.meta.main) {
  const input = createInterface({ input: process.stdin });
  const [line] = (await once(input, "line")) as [string];
  // Not kept alive by its input, but ended with it: the demo may be gone without a word.
  input.once("close", () => process.exit(1));
  process.stdin.unref();
  await runOldBackend(JSON.parse(line) as OldBackendSettings);
}
