import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateways } from "../../src/sandbox/gateways.ts";
import { tally } from "../../test/support/leads.ts";
import { until } from "../../test/support/until.ts";
import { CALL_MS } from "./drains.ts";
import { acceptedBy, openDatabase, type Site, startHosts, stopAll } from "./site.ts";

/** One of two hosts is gone from the network in the middle of a drain: what came of it. */
export interface Cut {
  readonly leads: number;
  /** What was sent when it went, and what that host held. */
  readonly sentBefore: number;
  readonly held: number;
  /** From the cut until its lock was free, and until the last message was settled. */
  readonly freeAfterMs: number;
  readonly sentAfterMs: number;
  readonly byHost: readonly number[];
  /** By the gateway's ledger, after the host came back. */
  readonly duplicates: number;
  readonly lost: number;
}

const DEADLINE_MS = 240_000;

/** The stand-in for Mobizon keeps a ledger on disk, and can be asked about what is in doubt. */
export async function cutOff(site: Site, leads: number): Promise<Cut> {
  await using parts = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "oncebox-hosts-"));
  parts.defer(() => rm(dir, { recursive: true, force: true }));
  const gateways = parts.use(await startGateways({ dir, delayMs: CALL_MS }));
  const database = parts.use(await openDatabase(site));
  const { workers } = parts.use(
    await startHosts(site, database, {
      hosts: 2,
      provider: { url: gateways.mobizonUrl, apiKey: gateways.mobizonApiKey },
    }),
  );
  const [host] = site.hosts;
  const [doomed] = workers;
  if (host === undefined || doomed === undefined) throw new TypeError("expected a host");
  const starts = () => doomed.lines.filter((it) => it.msg === "worker:started");
  const count = async (of: string, values: unknown[] = []) => {
    const { rows } = await database.pool.query<{ count: number }>(
      `select count(*)::integer as count from ${of}`,
      values,
    );
    return rows[0]?.count ?? Number.NaN;
  };
  const countSent = () => count("oncebox.notification where state = 'sent'");
  const workerId = starts()[0]?.workerId;

  await database.register(leads);
  await until("a third is sent", async () => (await countSent()) >= leads / 3, DEADLINE_MS);
  for (const link of host.links) link.cut();
  const cutAt = performance.now();
  const sentBefore = await countSent();
  const held = await count("oncebox.claims where worker_id = $1", [workerId]);
  const isFree = async () =>
    (await count("oncebox.workers where id = $1 and is_present", [workerId])) === 0;
  const free = until("its lock is free", isFree, DEADLINE_MS).then(() => performance.now() - cutAt);
  await until("all are sent", async () => (await countSent()) === leads, DEADLINE_MS);
  const sentAfterMs = performance.now() - cutAt;
  const freeAfterMs = await free;

  // And when it is back, nobody gets a second one.
  for (const link of host.links) link.mend();
  await until("it is back", () => starts().length > 1, DEADLINE_MS);
  await stopAll(workers);
  const { sms } = await gateways.messages();
  const people = Object.keys(tally(sms.map((it) => it.to))).length;
  return {
    leads,
    sentBefore,
    held,
    freeAfterMs,
    sentAfterMs,
    byHost: await acceptedBy(database, workers),
    duplicates: sms.length - people,
    lost: leads - people,
  };
}
