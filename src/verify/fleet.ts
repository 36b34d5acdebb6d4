import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "./random.ts";
import type { WorkerEvent } from "./seams.ts";
import type { Arm, Step } from "./steps.ts";
import { DISARM, type Order } from "./worker-main.ts";

/** Something that was done to workers, and to whose messages. */
export interface Harm {
  readonly what:
    | Step
    | "any moment"
    | "frozen"
    | "lock lost"
    | "connections cut"
    | "Postgres restarted";
  readonly at: Date;
  /** Null = it met every worker. */
  readonly pid: number | null;
  /** The message it was at, where that is known; otherwise those it held. */
  readonly notificationId: string | null;
}

export interface FleetOptions {
  readonly size: number;
  /** What a worker process runs, as after `node`. */
  readonly command: readonly string[];
  readonly logFile: string;
  readonly cacheDir: string;
  readonly orderOf: (index: number) => Omit<Order, "arm">;
  /** Breaks every connection of that worker to Postgres. */
  readonly cut: (index: number) => void;
  readonly drawArm: () => Arm;
  readonly random: (stream: string) => Random;
  readonly onHarm: (harm: Harm) => void;
}

export interface Fleet {
  readonly pids: readonly number[];
  /** Workers that ran and then ended although nobody had killed them. */
  readonly ownEnds: readonly string[];
  /** The message has landed: whoever waits to be killed for it is. */
  landed(notificationId: string): void;
  /** No more harm: every worker lives on, the dead ones start a last time. */
  disarm(): void;
  /** Ends all of them at once. */
  close(): Promise<void>;
}

interface Life {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  readonly isReady: Promise<unknown>;
  awaiting: { readonly step: Step; readonly id: string } | null;
  /** Frozen or without its lock it is to live on: until it has shown what it does then. */
  shown: Promise<void>;
  isDoomed: boolean;
  /** One that ends before that found no database to start with, and starts again. */
  hasStarted: boolean;
}

/** A worker that has not come to its step by then is killed where it is. */
const PATIENCE_MS = { least: 1_000, most: 4_000 } as const;
const RANDOM_KILL_SHARE = 0.2;
/** Up to well past its lease. */
const FREEZE_MS = { least: 100, most: 9_000 } as const;
/** For what it does when it wakes, or goes on without its lock. */
const AFTERMATH_MS = 2_500;

export function startFleet(options: FleetOptions): Fleet {
  const lives = new Map<number, Life>();
  const ownEnds: string[] = [];
  const calm = new AbortController();
  const closing = new AbortController();
  const log = openSync(options.logFile, "a");
  const slots = Array.from({ length: options.size }, (_, index) => keepSlot(index));

  async function keepSlot(index: number): Promise<void> {
    const random = options.random(`worker ${index}`);
    while (!closing.signal.aborted) {
      // The first one of several lives on, whatever becomes of its connections: what it was told it must
      // write down, and no death excuses it.
      const isSteady = index === 0 && options.size > 1;
      const isArmed = !isSteady && !calm.signal.aborted;
      const atRandom = random.chance(RANDOM_KILL_SHARE);
      const patienceMs = random.between(atRandom ? 0 : PATIENCE_MS.least, PATIENCE_MS.most);
      const freezeMs = random.between(FREEZE_MS.least, FREEZE_MS.most);
      const arm = isArmed && !atRandom ? options.drawArm() : null;
      const life = startLife(index, arm, freezeMs);
      await Promise.race([life.isReady, life.exited]);
      if (isArmed) {
        await Promise.race([life.exited, pause(patienceMs, calm.signal)]);
        await Promise.race([life.exited, life.shown]);
        if (!calm.signal.aborted) kill(life, "any moment", null);
        else disarmLife(life);
      }
      await life.exited;
      if (!life.isDoomed && !closing.signal.aborted) {
        const { pid, exitCode } = life.child;
        if (life.hasStarted && exitCode !== null)
          ownEnds.push(`process ${pid} ended by itself with exit code ${exitCode}`);
        await pause(200, closing.signal);
      }
    }
  }

  function startLife(index: number, arm: Arm | null, freezeMs: number): Life {
    const child = spawn(process.execPath, options.command, {
      // Nothing of ours: a real SMTP_URL must not reach a worker that is about to die.
      env: { NODE_COMPILE_CACHE: options.cacheDir },
      // Ctrl-C in the terminal is for the proof, which ends its processes in order.
      detached: true,
      stdio: ["pipe", log, log, "pipe"],
    });
    const pid = child.pid ?? 0;
    const ready = Promise.withResolvers<void>();
    // "close" and not "exit": its last event may come after its end.
    const exited = once(child, "close").then(() => lives.delete(pid));
    const life: Life = {
      child,
      exited,
      isReady: ready.promise,
      awaiting: null,
      shown: Promise.resolve(),
      isDoomed: false,
      hasStarted: false,
    };
    lives.set(pid, life);
    child.stdin?.on("error", () => undefined);
    child.stdin?.write(`${JSON.stringify({ ...options.orderOf(index), arm } satisfies Order)}\n`);
    createInterface({ input: child.stdio[3] as Readable }).on("line", (line) => {
      const event = JSON.parse(line) as WorkerEvent;
      if (event.at === "ready") {
        life.hasStarted = true;
        ready.resolve();
      } else if (event.at === "awaiting") life.awaiting = event;
      else if (arm?.act === "freeze") {
        harm("frozen", pid, event.id);
        setTimeout(thaw, freezeMs, child);
        life.shown = pause(freezeMs + AFTERMATH_MS, calm.signal);
      } else if (arm?.act === "cut") {
        harm("lock lost", pid, event.id);
        options.cut(index);
        life.shown = pause(AFTERMATH_MS, calm.signal);
      } else {
        life.isDoomed = true;
        harm(event.step, pid, event.id);
      }
    });
    return life;
  }

  function harm(what: Harm["what"], pid: number, notificationId: string | null): void {
    options.onHarm({ what, at: new Date(), pid, notificationId });
  }
  function kill(life: Life, what: Harm["what"], notificationId: string | null): void {
    if (life.isDoomed || life.child.exitCode !== null || life.child.signalCode !== null) return;
    life.isDoomed = true;
    harm(what, life.child.pid ?? 0, notificationId);
    life.child.kill("SIGKILL");
  }
  function disarmLife({ child }: Life): void {
    child.stdin?.write(`${DISARM}\n`);
    thaw(child);
  }

  return {
    get pids() {
      return [...lives.keys()];
    },
    ownEnds,
    landed(notificationId) {
      for (const life of lives.values()) {
        if (life.awaiting?.id === notificationId) kill(life, life.awaiting.step, notificationId);
      }
    },
    disarm: () => calm.abort(),
    async close() {
      if (closing.signal.aborted) return;
      calm.abort();
      closing.abort();
      for (const life of lives.values()) {
        life.isDoomed = true;
        life.child.kill("SIGKILL");
      }
      await Promise.all(slots);
      closeSync(log);
    },
  };
}

function thaw(child: ChildProcess): void {
  child.kill("SIGCONT");
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
