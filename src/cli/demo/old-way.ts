import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { withDatabase } from "../database.ts";
import { startChild } from "./child.ts";
import type { OldBackendSettings } from "./old-backend.ts";
import {
  allDone,
  DELAY_MS,
  DEPLOY_AT_MS,
  PEOPLE,
  type Person,
  type Scene,
  SWEEP_EVERY_MS,
} from "./scene.ts";

const BACKEND = fileURLToPath(new URL("./old-backend.ts", import.meta.url));

/** Plays the backend as it was, and a deploy, which starts the next one before the last has ended. */
export async function playOldWay(scene: Scene): Promise<void> {
  const { databaseUrl, tell, signal } = scene;
  await createTable(databaseUrl);
  await using backends = new AsyncDisposableStack();
  const first = backends.use(await startBackend(scene));
  tell(`the backend runs (process ${first.pid}); ${PEOPLE.length} people register`);

  const forms = PEOPLE.map(async (person) => {
    await sleep(person.atMs, undefined, { signal });
    await submit(first.ready, person, signal);
  });
  await allDone([deploy(), ...forms]);

  async function deploy(): Promise<void> {
    await sleep(DEPLOY_AT_MS, undefined, { signal });
    const second = backends.use(await startBackend(scene));
    tell(`a deploy: the next one (process ${second.pid}) starts, and the first one finishes`);
    await first.stop();
    await untilAllMarked(databaseUrl, signal);
    // Whatever began to send before the last mark was set: its process ends after it.
    await second.stop();
    tell("all of them are marked sms_sent");
  }
}

async function startBackend({ databaseUrl, gateways, signal }: Scene) {
  const settings: OldBackendSettings = {
    databaseUrl,
    mobizonUrl: gateways.mobizonUrl,
    mobizonApiKey: gateways.mobizonApiKey,
    delayMs: DELAY_MS,
    sweepEveryMs: SWEEP_EVERY_MS,
  };
  const options = { name: "old backend", args: [BACKEND], firstLine: JSON.stringify(settings) };
  return await startChild(options, signal, ({ url }) =>
    typeof url === "string" ? url : undefined,
  );
}

async function createTable(databaseUrl: string): Promise<void> {
  await withDatabase(databaseUrl, "oncebox demo", ({ pool }) =>
    pool.query(`
      create table landing_leads (
        id          uuid primary key default gen_random_uuid(),
        name        text,
        phone       text,
        sms_sent    boolean not null default false,
        sms_sent_at timestamptz,
        created_at  timestamptz not null default now())`),
  );
}

async function submit(url: string, { name, phone }: Person, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({ name, phone });
  const response = await fetch(url, { method: "POST", body, signal });
  if (!response.ok) throw new Error(`the old backend answered ${response.status}`);
}

async function untilAllMarked(databaseUrl: string, signal: AbortSignal): Promise<void> {
  await withDatabase(databaseUrl, "oncebox demo", async ({ pool }) => {
    for (;;) {
      const { rowCount } = await pool.query("select from landing_leads where not sms_sent limit 1");
      if (rowCount === 0) return;
      await sleep(100, undefined, { signal });
    }
  });
}
