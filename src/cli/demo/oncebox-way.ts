import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Kysely, type RawBuilder, sql } from "kysely";
import { migrate } from "../../db/migrate.ts";
import { registerLead } from "../../outbox/register.ts";
import { withDatabase } from "../database.ts";
import { type Child, startChild } from "./child.ts";
import {
  ANSWER_MS,
  allDone,
  DELAY_MS,
  DEPLOY_AT_MS,
  PEOPLE,
  type Scene,
  SWEEP_EVERY_MS,
} from "./scene.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

/** A worker looks at no pipe of ours. Loaded before it, this ends it when the demo is gone without a word. */
const END_WITH_US = `data:text/javascript,process.stdin.resume().on("end",()=>process.kill(process.pid,"SIGKILL")).unref()`;

const SWEEPS = Math.floor((DEPLOY_AT_MS + DELAY_MS + ANSWER_MS) / SWEEP_EVERY_MS);

/** Time enough on a slow machine. What has not gone out by then shows as 0 in the table. */
const SETTLE_TIMEOUT_MS = 30_000;

/** Plays the same forms, triggers and deploy with oncebox: on three workers, one of which is replaced. */
export async function playOnceboxWay(scene: Scene): Promise<void> {
  const { databaseUrl, tell, signal } = scene;
  await withDatabase(databaseUrl, "oncebox demo", async ({ pool, db }) => {
    await migrate(pool);
    await using workers = new AsyncDisposableStack();
    const first = workers.use(await startWorker(scene));
    const second = workers.use(await startWorker(scene));
    const third = workers.use(await startWorker(scene));
    const running = [second, third];
    const pids = [first, ...running].map(({ pid }) => pid).join(", ");
    tell(`three workers run (processes ${pids}); the same people register`);

    let asked = 0;
    const trigger = async (whom: RawBuilder<unknown>) => {
      asked += await provoke(db, whom);
    };
    const forms = PEOPLE.map(async ({ name, phone, atMs }) => {
      await sleep(atMs, undefined, { signal });
      const { leadId } = await db.transaction().execute((tx) => registerLead(tx, { name, phone }));
      await sleep(DELAY_MS, undefined, { signal });
      await trigger(sql`n.lead_id = ${leadId}`);
    });
    await allDone([deploy(), sweep(), ...forms]);
    const claims = await untilSettled(db, signal);
    // The ledger counts only when nobody is left who could still send.
    await allDone(running.map((it) => it.stop()));
    tell(`the triggers asked for an SMS ${asked} times on top; ${claims} claims were granted`);

    async function deploy(): Promise<void> {
      await sleep(DEPLOY_AT_MS, undefined, { signal });
      const next = workers.use(await startWorker(scene));
      running.push(next);
      tell(`a deploy: the next worker (process ${next.pid}) starts, and the first one drains`);
      await trigger(sql`true`);
      await first.stop();
    }

    async function sweep(): Promise<void> {
      for (let round = 0; round < SWEEPS; round += 1) {
        await sleep(SWEEP_EVERY_MS, undefined, { signal });
        await trigger(sql`n.due_at <= now()`);
      }
    }
  });
}

async function startWorker({ databaseUrl, gateways, signal }: Scene): Promise<Child> {
  const env = {
    DATABASE_URL: databaseUrl,
    MOBIZON_API_URL: gateways.mobizonUrl,
    MOBIZON_API_KEY: gateways.mobizonApiKey,
    // The single call that the old way makes too: only the claim stands between it and a second SMS.
    MOBIZON_SEND_MODE: "message",
    ONCEBOX_DELAY: `${DELAY_MS} milliseconds`,
    ONCEBOX_CONCURRENCY: "20",
  };
  const args = [`--import=${END_WITH_US}`, MAIN, "worker"];
  return await startChild({ name: "worker", args, env }, signal, ({ msg }) =>
    msg === "worker:started" ? true : undefined,
  );
}

/**
 * All that the old senders can still do: ask for a send of whatever is not final. The jobs have no
 * key, unlike oncebox's own, so that several for one notification run at the same moment on different
 * workers. It stands for anyone who meddles with the queue, and so is the one SQL text out here.
 */
async function provoke(db: Kysely<unknown>, whom: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql`
    select graphile_worker.add_job('oncebox_sms', json_build_object('id', n.id::text),
                                   run_at => greatest(n.due_at, now()))
      from oncebox.notification as n
     where n.state in ('pending', 'claimed')
       and ${whom}`.execute(db);
  return rows.length;
}

/** Waits until nothing is left to be done or asked for; answers how often a claim was granted. */
async function untilSettled(db: Kysely<unknown>, signal: AbortSignal): Promise<number> {
  const deadline = Date.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const { rows } = await sql<{ open: number; claims: number }>`
      select (select count(*)::integer from oncebox.notification where state in ('pending', 'claimed'))
             + (select count(*)::integer from graphile_worker.jobs) as open,
             (select count(*)::integer from oncebox.attempt) as claims`.execute(db);
    const [counts] = rows;
    if (counts === undefined) throw new TypeError("expected one row of counts");
    if (counts.open === 0 || Date.now() > deadline) return counts.claims;
    await sleep(100, undefined, { signal });
  }
}
