import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateways } from "../../sandbox/gateways.ts";
import { withDatabase } from "../database.ts";
import { ANSWER_MS, type Scene } from "./scene.ts";
import { type Tally, tally } from "./tally.ts";

/**
 * Plays one way in a database and with a gateway of its own, and takes both down again.
 *
 * @returns What the gateway's ledger says in the end, when whoever could send has ended.
 */
export async function stage(
  postgresUrl: string,
  database: "old_way" | "with_oncebox",
  play: (scene: Scene) => Promise<void>,
  signal: AbortSignal,
): Promise<Tally> {
  await using parts = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "oncebox-demo-"));
  parts.defer(() => rm(dir, { recursive: true, force: true }));
  const gateways = parts.use(await startGateways({ dir, delayMs: ANSWER_MS }));
  const progress = createProgress();
  parts.defer(() => progress.clear());
  gateways.onMessage(() => progress.count());

  await withDatabase(postgresUrl, "oncebox demo", ({ pool }) =>
    pool.query(`create database ${database}`),
  );
  const databaseUrl = new URL(postgresUrl);
  databaseUrl.pathname = database;
  signal.throwIfAborted();
  const tell = (line: string) => {
    progress.clear();
    console.log(`   ${line}`);
  };
  await play({ databaseUrl: databaseUrl.href, gateways, tell, signal });
  return tally((await gateways.messages()).sms);
}

/** The last line on a terminal, rewritten with every SMS; nothing elsewhere. */
function createProgress(): { count(): void; clear(): void } {
  const { stdout } = process;
  let sms = 0;
  return {
    count() {
      sms += 1;
      if (stdout.isTTY) stdout.write(`\r   ${sms} SMS`);
    },
    clear() {
      if (stdout.isTTY) stdout.write("\r\x1b[K");
    },
  };
}
