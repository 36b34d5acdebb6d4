import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { type Kysely, sql } from "kysely";
import type { StartWorker, WorkerProcess } from "../support/worker-process.ts";
import type { Door } from "./door.ts";

const FAR_WORKER = fileURLToPath(new URL("far-worker.ts", import.meta.url));
/** Of those meant for tests between networks. */
const NETWORK = "198.19.0.0/16";

/** One end of a link has the odd address, the other one the even address. */
interface Link {
  /** This host's address on it. */
  readonly here: string;
  /** Takes it down without a word to either side. */
  cut(): void;
  mend(): void;
}

/** Another host, as far as its network goes: a namespace with a link of its own for each purpose. */
export interface OtherHost extends Disposable {
  /** What runs a command there. */
  readonly command: readonly string[];
  /** To the database, and to the provider. */
  readonly links: readonly [Link, Link];
}

/** Why there can be none here; null = there can. */
export function whyNoOtherHost(): string | null {
  if (process.platform !== "linux") return "network namespaces are Linux's";
  if (process.getuid?.() !== 0) return "it takes root";
  try {
    ip("netns", "add", PROBE);
    ip("netns", "del", PROBE);
    return null;
  } catch (error) {
    return `ip netns does not work here: ${(error as Error).message}`;
  }
}

const PROBE = `oncebox-probe-${process.pid}`;

/** @param number - Of each that is there at once another one. */
export function openOtherHost(number = 0): OtherHost {
  const name = `oncebox-${process.pid}-${number}`;
  ip("netns", "add", name);
  try {
    ip("-n", name, "link", "set", "lo", "up");
    return {
      command: ["ip", "netns", "exec", name],
      links: [openLink(name, 2 * number), openLink(name, 2 * number + 1)],
      // Its links go with it, and who runs there.
      [Symbol.dispose]: () => {
        for (const pid of pidsOn(name)) process.kill(pid, "SIGKILL");
        ip("netns", "del", name);
      },
    };
  } catch (error) {
    ip("netns", "del", name);
    throw error;
  }
}

function openLink(host: string, index: number): Link {
  const [mine, theirs] = [
    `obx${process.pid % 100_000}n${index}`,
    `obx${process.pid % 100_000}f${index}`,
  ];
  const net = freeNet(index);
  ip("link", "add", mine, "type", "veth", "peer", "name", theirs);
  ip("link", "set", theirs, "netns", host);
  ip("addr", "add", `${net}.1/30`, "dev", mine);
  ip("-n", host, "addr", "add", `${net}.2/30`, "dev", theirs);
  ip("link", "set", mine, "up");
  ip("-n", host, "link", "set", theirs, "up");
  return {
    here: `${net}.1`,
    cut: () => ip("link", "set", mine, "down"),
    mend: () => ip("link", "set", mine, "up"),
  };
}

/** Lets those hosts in: a Postgres of ours takes nobody but its own host. */
export async function letIn(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ file: string }>`select current_setting('hba_file') as file`.execute(
    db,
  );
  appendFileSync(rows[0]?.file ?? "", `host all all ${NETWORK} scram-sha-256\n`);
  await sql`select pg_reload_conf()`.execute(db);
}

/**
 * A worker on another host.
 *
 * @param provider - On this host, at that host's second link.
 */
export async function startFarWorker(
  host: OtherHost,
  startWorker: StartWorker,
  to: { readonly databaseUrl: string; readonly provider: Door },
  env: Record<string, string>,
): Promise<WorkerProcess> {
  const [toDatabase, toProvider] = host.links;
  const databaseUrl = new URL(to.databaseUrl);
  databaseUrl.hostname = toDatabase.here;
  return await startWorker(
    { ...env, DATABASE_URL: databaseUrl.href },
    [FAR_WORKER, toProvider.here, String(to.provider.port)],
    host.command,
  );
}

/** A small network that nobody here is on. */
function freeNet(index: number): string {
  const taken = Object.values(networkInterfaces()).flatMap((it) => it ?? []);
  for (let number = index * 50; number < 256; number++) {
    const net = `198.19.${number}`;
    if (!taken.some((it) => it.address.startsWith(`${net}.`))) return net;
  }
  throw new Error(`all of ${NETWORK} is in use`);
}

function pidsOn(host: string): number[] {
  const pids = execFileSync("ip", ["netns", "pids", host], { encoding: "utf8" });
  return pids.split("\n").filter(Boolean).map(Number);
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: "pipe" });
}
