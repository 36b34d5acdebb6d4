import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import type { WorkerConfig } from "../config.ts";
import { migrate } from "../db/migrate.ts";
import { startGateways } from "../sandbox/gateways.ts";
import type { MobizonFaultWish } from "../sandbox/mobizon.ts";
import { collect } from "./evidence.ts";
import { type Harm, startFleet } from "./fleet.ts";
import { type Evidence, judge, type Verdict } from "./judge.ts";
import { registerPeople } from "./people.ts";
import { type CommitCutter, MOVES, startProxy } from "./proxy.ts";
import { type Random, randomOf } from "./random.ts";
import { armory, type Mode } from "./steps.ts";
import { cutShort, race, untilQuiet } from "./triggers.ts";

/** What a mutant puts in the product's place; the proof itself has none. */
export interface Mutant {
  /** Runs in the worker's place. */
  readonly workerFile?: string | undefined;
  readonly workerArguments?: readonly string[] | undefined;
  /** Replaces functions, after the migration. */
  readonly sql?: string | undefined;
}

export interface RoundOptions {
  readonly mode: Mode;
  readonly databaseUrl: string;
  /** Null where it is not ours to restart. */
  readonly restartPostgres: (() => Promise<void>) | null;
  readonly seed: number;
  readonly workers: number;
  /** Whichever comes first ends the harm. */
  readonly forMs: number;
  readonly kills: number;
  /** For ledgers and logs. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  readonly mutant?: Mutant | undefined;
  /** When the harm is over: how long nothing may move on before that is taken for stuck. */
  readonly quietWithinMs?: number | undefined;
}

export interface Progress {
  readonly mode: Mode;
  readonly phase: "harm" | "calm";
  readonly kills: number;
  readonly committed: number;
  readonly landed: number;
}

export interface RoundResult extends Verdict {
  readonly mode: Mode;
  readonly harms: readonly Harm[];
  readonly cuts: number;
  readonly evidence: Evidence;
  readonly isQuiet: boolean;
  readonly ownEnds: readonly string[];
  readonly harmMs: number;
}

/** A send is over after that; the longest fault of a provider lasts longer. */
const SEND_TIMEOUT_MS = 2_500;
const LEASE_MS = 6_000;
/** Mobizon's list shows a message only so long after it was sent; how long in life nobody has measured. */
const LIST_LAG_MS = 2_000;
const FAULT_RATE = 0.06;
const CUT_SHARE = 0.01;
/** Of registrations: those are few, and a lost answer costs one no more than a repetition. */
const GUEST_CUT_SHARE = 0.1;
const QUIET_WITHIN_MS = 90_000;
const CUT_ALL_EVERY_MS = { least: 5_000, most: 15_000 } as const;
const RESTART_EVERY_MS = { least: 15_000, most: 30_000 } as const;

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const { mode, seed, signal, onProgress, mutant } = options;
  const random = (stream: string) => randomOf(seed, `${mode} ${stream}`);
  await using parts = new AsyncDisposableStack();
  const pool = openPool(options.databaseUrl);
  parts.defer(() => pool.end());
  await migrate(pool);
  if (mutant?.sql) await pool.query(mutant.sql);

  const gateways = parts.use(await startGateways({ dir: options.folder, delayMs: 5 }));
  // A proxy a worker, so that one can lose its connections while the others keep theirs.
  const proxies: CommitCutter[] = [];
  for (let index = 0; index < options.workers; index++) {
    const chance = random(`proxy ${index}`);
    proxies.push(parts.use(await startProxy(options.databaseUrl, MOVES, CUT_SHARE, chance)));
  }
  const door = parts.use(
    await startProxy(options.databaseUrl, ["commit\0"], GUEST_CUT_SHARE, random("door")),
  );
  const guests = openPool(door.url);
  parts.defer(() => guests.end());
  await gateways.set({ listLagMs: LIST_LAG_MS });
  await gateways.addSmsFault({ seed, rate: FAULT_RATE, faults: SMS_FAULTS });
  await gateways.addEmailFault({ seed, rate: FAULT_RATE });

  const harms: Harm[] = [];
  let landed = 0;
  const workers = startFleet({
    size: options.workers,
    command: [mutant?.workerFile ?? ownFile("worker-main"), ...(mutant?.workerArguments ?? [])],
    logFile: join(options.folder, "workers.log"),
    cacheDir: join(options.folder, "compiled"),
    orderOf: (index) => ({
      config: configOf(proxies[index]?.url ?? "", mode, gateways),
      mobizonUrl: gateways.mobizonUrl,
      smtpControlUrl: gateways.smtpControlUrl,
    }),
    cut: (index) => proxies[index]?.cutAll(),
    drawArm: armory(mode, random("steps")),
    random,
    onHarm: (harm) => harms.push(harm),
  });
  parts.defer(() => workers.close());
  gateways.onMessage((message) => {
    landed += 1;
    const name = message.event === "sms" ? message.campaign : message.messageId;
    const id = /-(\d+)(?:@|$)/.exec(name)?.[1];
    if (id !== undefined) workers.landed(id);
  });

  const people = registerPeople(guests, random("people"));
  const ended = new AbortController();
  const harmEnd = new AbortController();
  const shortening = cutShort(pool, ended.signal);
  const storms = [
    race(pool, harmEnd.signal),
    every(CUT_ALL_EVERY_MS, random("cuts"), harmEnd.signal, async () => {
      tell("connections cut");
      for (const proxy of proxies) proxy.cutAll();
    }),
    every(RESTART_EVERY_MS, random("restarts"), harmEnd.signal, async () => {
      if (options.restartPostgres === null) return;
      tell("Postgres restarted");
      await options.restartPostgres();
    }),
  ];
  function tell(what: Harm["what"]): void {
    harms.push({ what, at: new Date(), pid: null, notificationId: null });
  }
  const kills = () => harms.filter(isKill).length;
  const show = (phase: Progress["phase"]) =>
    onProgress({ mode, phase, kills: kills(), committed: people.committed.length, landed });

  const startedAt = performance.now();
  const harmMs = () => performance.now() - startedAt;
  while (!signal.aborted && harmMs() < options.forMs && kills() < options.kills) {
    show("harm");
    await sleep(100, undefined, { signal }).catch(() => {});
  }
  const lasted = harmMs();
  harmEnd.abort();
  await Promise.all(storms);
  for (const proxy of [...proxies, door]) proxy.calm();
  await gateways.clearFaults();
  workers.disarm();
  await people.stop();
  const progress = setInterval(show, 500, "calm");
  const isQuiet = await untilQuiet(pool, options.quietWithinMs ?? QUIET_WITHIN_MS);
  clearInterval(progress);
  ended.abort();
  await shortening;
  // The ledger counts only when nobody is left who could still send.
  await workers.close();
  const evidence = await collect(pool, gateways, people);
  return {
    ...judge(evidence, harms),
    mode,
    harms,
    cuts: [...proxies, door].reduce((sum, { cuts }) => sum + cuts, 0),
    evidence,
    isQuiet,
    ownEnds: workers.ownEnds,
    harmMs: lasted,
  };
}

const SURVIVED: ReadonlySet<Harm["what"]> = new Set([
  ...(["frozen", "lock lost", "connections cut", "Postgres restarted"] as const),
]);

export function isKill({ what }: Harm): boolean {
  return !SURVIVED.has(what);
}

/** As MOBIZON_FAULTS, with a rate limit, and never an answer that would be a true refusal. */
const SMS_FAULTS: NonNullable<Extract<MobizonFaultWish, { seed: number }>["faults"]> = [
  ...[true, false].flatMap((accept) => [
    { accept, answer: "late" as const, delayMs: 500 },
    { accept, answer: "late" as const, delayMs: SEND_TIMEOUT_MS + 500 },
    { accept, answer: "never" as const },
    { accept, answer: "reset" as const },
    { accept, answer: "close" as const },
    { accept, answer: "half" as const },
    { accept, answer: "garbage" as const },
    { accept, answer: "http" as const, status: 502 },
    { accept, answer: "code" as const, code: 999 },
  ]),
  { accept: false, answer: "code", code: 30 },
];

function configOf(
  databaseUrl: string,
  mode: Mode,
  gateways: {
    readonly mobizonUrl: string;
    readonly mobizonApiKey: string;
    readonly smtpUrl: string;
  },
): WorkerConfig {
  return {
    databaseUrl,
    mobizon: { apiUrl: gateways.mobizonUrl, apiKey: gateways.mobizonApiKey, sender: null, mode },
    smtp: { url: gateways.smtpUrl, from: "Verify <verify@example.kz>" },
    balanceWarn: null,
    emailUnknown: "hold",
    smsPerSecond: null,
    delay: null,
    keepMs: null,
    concurrency: 5,
    sendTimeoutMs: SEND_TIMEOUT_MS,
    leaseMs: LEASE_MS,
    logLevel: "info",
  };
}

/** Beside this file, whether it is a .ts that Node strips or the .js that tsc made of it. */
function ownFile(name: string): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`./${name}.${extension}`, import.meta.url));
}

function openPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 6, application_name: "oncebox verify" });
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

async function every(
  pauseMs: { readonly least: number; readonly most: number },
  random: Random,
  signal: AbortSignal,
  strike: () => Promise<void>,
): Promise<void> {
  for (;;) {
    const ms = random.between(pauseMs.least, pauseMs.most);
    await sleep(ms, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    await strike();
  }
}
